"""Every way this product says no: code → HTTP status, what to do in Chinese, what to do in English.

`raise refusal("person.unknown", login="li")` is the only way to refuse; `{names}` in the sentences are filled from the details,
which also travel to the client. Anything that is not a Refusal is a bug. `docs/refusals.md` lists them; a test compares.
"""

from __future__ import annotations

from typing import Any

from sync.refusal import Refusal

CATALOGUE: dict[str, tuple[int, str, str]] = {
    # the door
    "request.malformed": (
        400,
        "请求内容不是有效的 JSON 或字段不符:{reason}",
        "The request body is not what this address takes: {reason}",
    ),
    "request.too_large": (
        413,
        "请求内容过大,最多 {limit_bytes} 字节",
        "The request body is too large; the limit is {limit_bytes} bytes",
    ),
    "request.media_type": (
        415,
        "请以 application/json 或 application/msgpack 发送",
        "Send application/json or application/msgpack",
    ),
    "request.encoding": (
        415,
        "请求压缩方式只支持 gzip 与 zstd",
        "Request bodies may be compressed with gzip or zstd only",
    ),
    "request.corrupt": (400, "压缩的请求内容已损坏或不完整", "The compressed request body is damaged or cut short"),
    "request.cursor": (
        400,
        "翻页标记无效,请从第一页重新查询",
        "The page marker is not valid; start again from the first page",
    ),
    "route.unknown": (404, "没有这个地址", "There is nothing at this address"),
    "route.method": (405, "这个地址不支持该方法", "This address does not take that method"),
    "idempotency.reused": (
        422,
        "同一个 Idempotency-Key 已用于另一个请求,请换一个",
        "This Idempotency-Key was used for a different request; use a new one",
    ),
    # people
    "session.required": (401, "请先登录", "Sign in first"),
    "session.wrong": (401, "账号或密码不正确", "The login or the password is wrong"),
    "session.locked": (
        429,
        "密码错误次数过多,请在 {until} 之后再试",
        "Too many wrong passwords; try again after {until}",
    ),
    "password.change_required": (
        403,
        "请先修改一次性密码(PUT /v1/session/password)",
        "Change your one-time password first (PUT /v1/session/password)",
    ),
    "password.weak": (
        422,
        "密码至少 8 位,并含大写、小写、数字、符号中的三类",
        "A password needs 8 characters and three of: capitals, small letters, digits, signs",
    ),
    "permission.missing": (403, "您的角色不能做此操作({permission})", "Your role may not do this ({permission})"),
    "bureau.unknown": (404, "没有这个机构:{bureau}", "No such bureau: {bureau}"),
    "bureau.exists": (409, "机构代码已存在:{code}", "A bureau with this code exists: {code}"),
    "bureau.ambiguous": (
        422,
        "有多个机构,请用 --bureau 指明:{codes}",
        "There are several bureaus; name one with --bureau: {codes}",
    ),
    "unit.unknown": (404, "没有这个单位:{unit}", "No such unit: {unit}"),
    "unit.exists": (409, "单位代码已存在:{code}", "A unit with this code exists: {code}"),
    "person.unknown": (404, "没有这个人员", "No such person"),
    "person.exists": (409, "账号已存在:{login}", "This login is taken: {login}"),
    "role.unknown": (422, "没有这个角色:{role}。可选:{roles}", "No such role: {role}. Roles: {roles}"),
    "device.unknown": (404, "没有这台设备", "No such device"),
    # keeping
    "backup.exists": (409, "文件已存在,请换一个名字:{path}", "A file is there already; choose another name: {path}"),
    "backup.unreadable": (422, "备份文件无法读取:{path}({reason})", "The backup cannot be read: {path} ({reason})"),
    "backup.newer": (
        422,
        "备份来自更新的版本,请先升级本软件({migrations})",
        "The backup is of a newer version; upgrade first ({migrations})",
    ),
    "backup.not_empty": (
        409,
        "数据库不是空的({table}),请用空的数据库恢复",
        "The database is not empty ({table}); restore into an empty one",
    ),
    # enterprises
    # files
    # questionnaires
    "form.refused": (
        422,
        "工作簿有 {count} 处需要修改,未发布",
        "The workbook has {count} things to mend; nothing was published",
    ),
    "form.version_exists": (
        409,
        "表单 {form} 的版本 {version} 已发布且内容不同;请改版本号后再发布",
        "Version {version} of form {form} is published with another content; change the version and publish again",
    ),
    "form.unknown": (404, "没有这份表单:{form}", "No such form: {form}"),
    "form.version_unknown": (
        404,
        "表单 {form} 没有版本 {version}",
        "Form {form} has no version {version}",
    ),
    "form.media_unknown": (404, "表单没有这个附件:{name}", "The form has no such file: {name}"),
    "form.media_name": (422, "附件的文件名不能使用:{name}", "This file name cannot be used: {name}"),
    "form.media_too_large": (
        413,
        "附件 {name} 过大,最多 {limit_bytes} 字节",
        "The file {name} is too large; the limit is {limit_bytes} bytes",
    ),
    "form.media_too_many": (422, "附件最多 {limit} 个", "A form takes at most {limit} files"),
    # records
    # reports
    # routing
    # clocks
    "calendar.days": (
        422,
        "请给出 1 到 {limit} 天,状态为 official 或 provisional",
        "Give 1 to {limit} days, each with the status official or provisional",
    ),
    # issues
    # callbacks
    # visits
    # campaigns
}


def refusal(code: str, /, **details: Any) -> Refusal:
    status, zh, en = CATALOGUE[code]
    return Refusal(code, status, zh.format_map(details), en.format_map(details), **details)
