"""What happens to acknowledged work when processes, disks, databases and clocks fail."""

import pytest

pytest.register_assert_rewrite("tests.crash.house")
