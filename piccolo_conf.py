"""Where Piccolo looks for the database and the tables."""

from piccolo.conf.apps import AppRegistry

from server.settings import settings
from sync.database.engine import make_engine

DB = make_engine(settings.database_url)
APP_REGISTRY = AppRegistry(apps=["server.piccolo_app"])
