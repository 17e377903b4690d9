"""Every way this product says no: code → HTTP status, what to do in Chinese, what to do in English.

`raise refusal("person.unknown", login="li")` is the only way to refuse; `{names}` in the sentences are filled from the details,
which also travel to the client. Anything that is not a Refusal is a bug. `docs/refusals.md` lists them; a test compares.
One file because it is one vocabulary: whoever adds a word should see the others.
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
    "server.outage": (
        503,
        "数据库或磁盘暂时不可用,内容没有保存,请稍后重试;管理员请检查磁盘空间和数据库服务",
        "The database or its disk is not available; nothing was stored, try again shortly."
        " Administrators: look at free space and at the database server",
    ),
    "idempotency.reused": (
        422,
        "同一个 Idempotency-Key 已用于另一个请求,请换一个",
        "This Idempotency-Key was used for a different request; use a new one",
    ),
    # other systems
    "account.key_wrong": (401, "密钥缺失、无效或已停用", "The key is missing, wrong or revoked"),
    "account.unknown": (404, "没有这个有效的密钥", "There is no such key in force"),
    "account.too_often": (
        429,
        "请求过于频繁(每分钟最多 {limit} 次),请 {retry_after} 秒后再试",
        "Too many requests by this key, at most {limit} a minute; try again in {retry_after} seconds",
    ),
    "orders.mapping_unknown": (
        404,
        "没有对照表 {mapping},现有:{mappings}",
        "There is no mapping {mapping}; there are {mappings}",
    ),
    "orders.mapping": (422, "对照表第 {line} 行有误:{reason_zh}", "Line {line} of the mapping does not fit: {reason}"),
    "orders.columns": (
        422,
        "缺少列 {missing};文件中有:{found}",
        "There is no column for {missing}; the file has {found}",
    ),
    "orders.clocks": (400, "clocks 只能是 {known}", "clocks is one of {known}, not {clocks}"),
    "open311.form": (400, "请求内容有误:{reason_zh}", "The request is not what this address takes: {reason}"),
    "open311.service": (404, "没有 service_code {service}", "There is no service_code {service}"),
    "open311.request": (404, "没有 service_request_id {id}", "There is no service_request_id {id}"),
    "open311.number_taken": (
        409,
        "编号 {number} 已登记为 {id},内容不同",
        "The number {number} was filed as {id}, with other words",
    ),
    "open311.span": (400, "起止时间最多相隔 {days} 天", "start_date and end_date lie at most {days} days apart"),
    "open311.jurisdiction": (404, "没有 jurisdiction_id {named}", "There is no jurisdiction_id {named}"),
    "open311.jurisdiction_missing": (
        400,
        "这里有多个单位,请提供 jurisdiction_id",
        "Several bureaus live here: jurisdiction_id was not provided",
    ),
    # people
    "session.required": (401, "请先登录", "Sign in first"),
    "session.wrong": (
        401,
        "账号或密码不正确;多次输错后会暂停登录一段时间",
        "The login or the password is wrong; after several wrong ones a login rests for a while",
    ),
    "session.too_often": (
        429,
        "登录失败次数过多,请 {retry_after} 秒后再试",
        "Too many failed sign-ins from here; try again in {retry_after} seconds",
    ),
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
    "password.same": (422, "新密码不能与原密码相同", "The new password must differ from the old one"),
    "permission.missing": (403, "您的角色不能做此操作({permission})", "Your role may not do this ({permission})"),
    "bureau.unknown": (404, "没有这个机构:{bureau}", "No such bureau: {bureau}"),
    "bureau.exists": (409, "机构代码已存在:{code}", "A bureau with this code exists: {code}"),
    "demo.unfinished": (
        409,
        "上次生成演示数据中途停止;请清空数据库后重来,或换一个(QIFANG_DATA、QIFANG_DATABASE)",
        "The demo was stopped halfway the last time; empty the database, or choose another (QIFANG_DATA, QIFANG_DATABASE)",
    ),
    "demo.founded": (
        409,
        "数据库里已有单位,演示数据只能放进空库(换一个 QIFANG_DATA)",
        "There is a bureau already; a demo needs an empty database (choose another QIFANG_DATA)",
    ),
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
    "role.held": (409, "该人员在这个单位已有此角色:{role}", "This person already holds the role there: {role}"),
    "role.not_held": (409, "该人员没有此角色:{role}", "This person does not hold the role (there): {role}"),
    "person.last_admin": (
        409,
        "这是本机构最后一名管理员,请先指定另一名管理员",
        "This is the last administrator of the bureau; make somebody else one first",
    ),
    "device.no_role": (
        409,
        "该人员的角色不使用移动设备,请先授予相应角色",
        "No role of this person works with a phone any more; give them one first",
    ),
    "device.unknown": (404, "没有这台设备", "No such device"),
    "device.salvage": (
        422,
        "保留期须为 0 至 {days_max} 天",
        "Work can be salvaged for 0 to {days_max} days",
    ),
    "enrol.too_often": (
        429,
        "错误的登记码过多,请 {retry_after} 秒后再试",
        "Too many wrong enrolment codes; try again in {retry_after} seconds",
    ),
    "rate_limited": (
        429,
        "同步过于频繁,请 {retry_after} 秒后再试",
        "This device asks too often; try again in {retry_after} seconds",
    ),
    "server.busy": (
        503,
        "同步的手机较多,请 {retry_after} 秒后再试",
        "Many phones are syncing; try again in {retry_after} seconds",
    ),
    "protocol.retired": (
        426,
        "此版本已于 {retired_on} 停用,请更新应用(最低版本 {client_version_min});已填写的内容在 {push_until} 之前仍可上传",
        "This version was retired on {retired_on}; update the app (at least {client_version_min}). What was recorded can still"
        " be sent until {push_until}",
    ),
    "device.required": (
        403,
        "这个地址只供已登记的手机使用;电脑请用 /v1 下的地址",
        "Only an enrolled phone may ask here; at a desk use the addresses under /v1",
    ),
    "rx.kind_unknown": (
        404,
        "没有这种数据:{kind}。可选:{kinds}",
        "There are no rows of this kind: {kind}. Kinds: {kinds}",
    ),
    "rx.read_only": (
        405,
        "“{kind}”不能整条修改;请向 /sync/v1/push 提交操作:{operations}",
        "Documents of “{kind}” cannot be pushed; send operations to /sync/v1/push: {operations}",
    ),
    # feedback
    "feedback.id_taken": (409, "编号已被使用,请换一个", "This id is taken; make a new one"),
    # keeping
    "backup.exists": (409, "文件已存在,请换一个名字:{path}", "A file is there already; choose another name: {path}"),
    "backup.unreadable": (422, "备份文件无法读取:{path}({reason})", "The backup cannot be read: {path} ({reason})"),
    "backup.newer": (
        422,
        "备份来自更新的版本,请先升级本软件({migrations})",
        "The backup is of a newer version; upgrade first ({migrations})",
    ),
    "backup.older": (
        409,
        "数据库的版本比备份新({migrations}),请恢复到还没有任何表的数据库,恢复后会自动升级",
        "The database is of a newer version than the backup ({migrations}); restore into one without any tables, it is"
        " brought up to date afterwards",
    ),
    "backup.folder_not_empty": (
        409,
        "数据文件夹里已有文件({path}),请把 QIFANG_DATA 设为空文件夹",
        "The data folder has files already ({path}); set QIFANG_DATA to an empty folder",
    ),
    "backup.unwritable": (
        422,
        "无法写入 {path}({reason}),请检查文件夹、权限和磁盘空间",
        "{path} cannot be written ({reason}); see to the folder, its permissions and the free space",
    ),
    "backup.not_empty": (
        409,
        "数据库不是空的({table}),请用空的数据库恢复",
        "The database is not empty ({table}); restore into an empty one",
    ),
    # enterprises
    "enterprise.unknown": (404, "没有这家企业", "No such enterprise"),
    "enterprise.exists": (
        409,
        "该统一社会信用代码已登记:{credit_code}({name})",
        "This credit code is registered already: {credit_code} ({name})",
    ),
    "enterprise.code_invalid": (422, "统一社会信用代码有误:{reason_zh}", "The credit code is wrong: {reason}"),
    "enterprise.field_invalid": (422, "字段 {field} 有误:{reason_zh}", "The field {field} does not fit: {reason}"),
    "enterprise.nameless": (422, "请填写企业名称", "Give the enterprise a name"),
    "enterprise.nothing_set": (422, "没有要修改的内容", "Nothing is to be changed"),
    "enterprise.facts_too_many": (422, "一户企业最多 {limit} 个档案字段", "A dossier takes at most {limit} facts"),
    "enterprise.in_use": (
        409,
        "“{name}”已有工作记录({used_by}),不能移出名录;已注销的请改状态,重复的请合并",
        "Work was done for “{name}” ({used_by}), so it stays: change its status, or merge it",
    ),
    "enterprise.merge_self": (422, "不能把企业并入它自己", "An enterprise cannot be merged into itself"),
    "enterprise.merge_coded": (
        422,
        "只有没有信用代码的临时企业可以并入其他企业;{credit_code} 已有代码",
        "Only an enterprise without a credit code can be merged; {credit_code} has one",
    ),
    "assignment.unknown": (404, "没有这条负责关系,或已结束", "No such assignment, or it has ended"),
    "assignment.exists": (409, "该企业已由此人负责", "This person looks after the enterprise already"),
    "assignment.dates": (
        422,
        "开始日期不能晚于今天,结束日期不能早于开始日期",
        "An assignment starts today or earlier and ends no earlier than it starts",
    ),
    "dossier.dates": (422, "结束日期不能早于开始日期", "The end cannot come before the start"),
    "dossier.in_pool": (409, "该企业已在培育库“{pool}”中", "The enterprise is in the pool “{pool}” already"),
    "dossier.not_in_pool": (404, "该企业不在培育库“{pool}”中", "The enterprise is not in the pool “{pool}”"),
    "import.file": (422, "文件无法读取:{reason_zh}", "The file cannot be read: {reason}"),
    "import.too_large": (
        413,
        "文件过大,最多 {limit_bytes} 字节",
        "The file is too large; the limit is {limit_bytes} bytes",
    ),
    "import.too_many_rows": (422, "行数过多,最多 {limit} 行", "Too many rows; the limit is {limit}"),
    "import.encoding": (
        422,
        "文件不是 UTF-8、UTF-16 或 GB18030 编码的文本",
        "The file is not text in UTF-8, UTF-16 or GB18030",
    ),
    "import.no_header": (
        422,
        "第一行应为列名,至少有“企业名称”或“统一社会信用代码”;读到的是:{found}",
        "The first row must name the columns, with 企业名称 (name) or 统一社会信用代码 (credit_code) among them; found: {found}",
    ),
    "import.column_twice": (
        422,
        "“{first}”和“{second}”是同一列({field}),请只留一列",
        "“{first}” and “{second}” mean the same column ({field}); keep one",
    ),
    "import.invalid_lines": (
        422,
        "有 {count} 行有误,整个文件未导入(--strict)",
        "{count} lines are wrong, so nothing was imported (--strict)",
    ),
    # files
    "file.unknown": (404, "没有这个文件", "No such file"),
    "file.gone": (
        410,
        "这个上传已结束或过期,请重新上传",
        "This upload was ended or has expired; upload the file again",
    ),
    "file.kept": (
        403,
        "文件已经传完并存档,不能删除",
        "This file has arrived and is kept; it cannot be deleted",
    ),
    "file.day_full": (
        429,
        "这台设备今天上传的文件已达上限({limit_bytes} 字节),明天会继续上传",
        "This device has uploaded all it may in a day ({limit_bytes} bytes); it goes on tomorrow",
    ),
    "file.bureau_full": (
        507,
        "本单位的文件空间已满({limit_bytes} 字节),请联系管理员扩容;照片请先留在手机上",
        "The bureau's space for files is full ({limit_bytes} bytes); ask your administrator for more and keep the files",
    ),
    "file.no_space": (
        507,
        "服务器磁盘已满,已收到的部分会保留,请稍后再传",
        "The server's disk is full; what has arrived is kept, go on later",
    ),
    "file.lost": (
        503,
        "服务器上的文件内容丢失,请联系管理员(qifang doctor)",
        "The store has lost this file; tell your administrator (qifang doctor)",
    ),
    "file.thumbnail_pending": (
        404,
        "缩略图还没有生成,请稍后再试",
        "The small picture has not been made yet; try again shortly",
    ),
    "file.thumbnail_none": (404, "这个文件没有缩略图", "There is no small picture of this file"),
    "file.not_stored": (409, "文件还没有传完", "The file has not arrived in full yet"),
    "file.id_taken": (409, "文件编号已被占用,请换一个", "This file id is taken; use another"),
    "file.id_reused": (
        409,
        "同一文件编号的大小或校验值与先前不同",
        "This file id was announced before with another length or checksum",
    ),
    "file.metadata": (400, "Upload-Metadata 有误:{reason}", "Upload-Metadata does not fit: {reason}"),
    "file.length": (400, "缺少或无效的 Upload-Length", "Upload-Length is missing or not a number"),
    "file.too_large": (
        413,
        "文件过大,最多 {limit_bytes} 字节",
        "The file is too large; the limit is {limit_bytes} bytes",
    ),
    "file.past_end": (413, "内容超出了文件声明的大小", "More bytes than the file was announced with"),
    "file.version": (412, "只支持 tus {version}", "Only tus {version} is spoken here"),
    "file.content_type": (
        415,
        "请以 application/offset+octet-stream 发送",
        "Send application/offset+octet-stream",
    ),
    "file.offset": (
        409,
        "续传位置不符,服务器已有 {offset} 字节",
        "The offset does not fit; the server has {offset} bytes",
    ),
    "file.busy": (
        423,
        "同一文件正在上传,请稍后再试",
        "This file is being uploaded by another request; try again shortly",
    ),
    "file.checksum_algorithm": (400, "校验算法只支持 {algorithms}", "Checksums may be {algorithms} only"),
    "file.checksum": (460, "本段校验不符,请重发这一段", "The checksum of this part does not fit; send the part again"),
    "file.corrupt": (
        460,
        "整个文件的校验值不符,已收到的内容作废,请从头重传",
        "The checksum of the whole file does not fit; what came was dropped, send it again from the start",
    ),
    "file.uploads_too_many": (
        429,
        "未传完的文件过多,最多 {limit} 个,请先传完",
        "Too many unfinished uploads; the limit is {limit}, finish some first",
    ),
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
    "record.unknown": (404, "没有这条记录", "No such record"),
    "record.exists": (409, "这条记录已经收到过", "This record has been received already"),
    "record.malformed": (
        422,
        "答案不是有效的 JSON,无法保存为记录",
        "The answers are not valid JSON and cannot be kept as a record",
    ),
    "record.out_of_scope": (
        403,
        "该企业不在(或已不在)您的联系范围内;记录已保留,等待督办人员处理",
        "The enterprise is not, or no longer, in your care; the record is kept for a supervisor to decide",
    ),
    "record.closed": (
        409,
        "记录{state_zh},不能再修改或撤回",
        "The record is {state} and can no longer be changed or withdrawn",
    ),
    "record.other_version": (
        409,
        "记录已有第 {n} 版,您看的是第 {seen} 版,请重新查看后再处理",
        "The record is at version {n} and you saw version {seen}; look again before you decide",
    ),
    "record.not_reviewable": (
        409,
        "记录{state_zh},现在不能审核",
        "A record in this state ({state}) cannot be reviewed",
    ),
    "record.other_form": (422, "这条记录属于表单 {form}", "This record belongs to form {form}"),
    # reports
    "report.unknown": (404, "没有这条诉求", "No such report"),
    "report.source_unknown": (
        422,
        "没有这个来源:{source}。可选:{sources}",
        "No such source: {source}. Sources: {sources}",
    ),
    # routing
    "routing.complaints": (
        422,
        "责任矩阵有 {count} 处问题,第 {line} 行{zh}",
        "The matrix has {count} faults; line {line} {en}",
    ),
    "post.unknown": (404, "{unit} 没有岗位 {post}", "{unit} has no post {post}"),
    "post.holder_twice": (422, "{login} 在同一岗位列了两次", "{login} is named twice for the same post"),
    "post.holder_cannot": (
        422,
        "{login} 没有办理 {unit} 事项的角色,请先授予 handler",
        "{login} has no role to handle issues of {unit}; grant handler first",
    ),
    "category.unknown": (404, "没有这个代码:{category}", "No such code: {category}"),
    "category.retired": (
        409,
        "{category} 已停用,现用 {successor}",
        "{category} is retired; use {successor}",
    ),
    "category.shape": (422, "类别代码须为两位或四位数字:{category}", "A category is two or four digits: {category}"),
    "category.parent": (
        422,
        "{category} 的上级 {parent} 不存在或已停用",
        "{parent}, above {category}, does not exist or is retired",
    ),
    "category.kept": (409, "{category}(说不清)不能停用", "{category} (don't know) cannot be retired"),
    "category.children": (
        409,
        "请先停用 {category} 下的 {children}",
        "Retire {children} below {category} first",
    ),
    "category.successor": (
        422,
        "替代代码 {successor} 不存在、已停用或就是本身",
        "The successor {successor} does not exist, is retired, or is the code itself",
    ),
    "label.unknown": (404, "没有这个标签:{label}", "No such label: {label}"),
    "label.many": (422, "一件事项最多 {limit} 个标签", "An issue carries at most {limit} labels"),
    "duty.same": (409, "{number} 已由 {login} 经办", "{login} handles {number} already"),
    "duty.away": (409, "{login} 请假至 {until},请改派在岗人员", "{login} is away until {until}; name somebody on duty"),
    "duty.nobody": (
        409,
        "{number} 无人可派:{why}。请用 to 指定经办人",
        "Nobody can take {number}: {why_en}. Name somebody in `to`",
    ),
    "absence.unknown": (404, "没有这条请假,或已结束", "No such absence, or it is over"),
    "absence.days": (
        422,
        "请假截止日不得早于开始日,且不超过 {limit} 天",
        "The last day is not before the first, and an absence is at most {limit} days",
    ),
    "absence.substitute": (422, "{login} 不能代自己办理", "{login} cannot stand in for themselves"),
    "routing.rules": (422, "请给出 1 到 {limit} 条规则", "Give 1 to {limit} rules"),
    "routing.unreadable": (
        422,
        "无法读取责任矩阵文件 {file}:{reason}",
        "The routing file {file} cannot be read: {reason}",
    ),
    # clocks
    "calendar.past_breach": (
        409,
        "这样修改会使 {count} 件事项的期限在事后变为已超期(如 {number}:{due}),请改为以后的日期,或要求只自今日以后生效",
        "This would make {count} issues late after the fact (as {number}: {due}); change later days, or ask to date it forward",
    ),
    "calendar.range": (
        422,
        "请给出先后正确、不超过 {limit} 天的起止日期",
        "Give a first and a last day, in order and at most {limit} days apart",
    ),
    "calendar.days": (
        422,
        "请给出 1 到 {limit} 天,状态为 official、provisional 或 local:{reason}",
        "Give 1 to {limit} days, each with the status official, provisional or local: {reason}",
    ),
    "calendar.hours": (
        422,
        "请按 08:30-12:00 的写法依次给出办公时段:{reason}",
        "Give office hours in order, written as 08:30-12:00: {reason}",
    ),
    "calendar.notice": (
        422,
        "放假安排文件有 {count} 处错误,未作任何修改。第一处:{first}",
        "The file of holidays has {count} faults and changed nothing. The first: {first}",
    ),
    "calendar.version": (404, "没有这一版日历:{version}", "There is no such version of the calendar: {version}"),
    # issues
    "issue.unknown": (404, "没有这件事项", "No such issue"),
    "issue.move_impossible": (
        409,
        "事项 {number} 现为“{state_zh}”,不能“{verb_zh}”",
        "Issue {number} is “{state_en}”; one cannot “{verb_en}” now",
    ),
    "issue.draft_unfinished": (
        422,
        "草稿还缺这些内容,不能提交:{missing}",
        "The draft cannot be submitted yet; these are missing: {missing}",
    ),
    "issue.drafts_full": (
        409,
        "您已有 {limit} 份草稿,请先提交或删除",
        "You have {limit} drafts already; submit or delete some first",
    ),
    "issue.not_yours": (
        403,
        "事项 {number} 不由您的单位承办,不能“{verb}”",
        "Issue {number} is not with your unit; you cannot “{verb_en}”",
    ),
    "issue.same_person": (
        403,
        "您已对该事项“{done}”,不能再由您“{wanted}”,请换一人",
        "You did “{done_en}” on this issue; somebody else must take this step",
    ),
    "issue.no_lead": (
        422,
        "责任矩阵没有给出主办单位({why}),请指定 lead",
        "The routing matrix names no lead ({why_en}); name one in `lead`",
    ),
    "issue.co_is_lead": (
        422,
        "事项 {number} 的主办单位不能作为自己的协办单位,请指定其他单位",
        "The lead unit of issue {number} cannot help itself; name another unit",
    ),
    "policy.unknown": (404, "没有这个时限政策,现有:{policies}", "There is no such policy; there are: {policies}"),
    "policy.name": (
        422,
        "政策代码应为字母、数字或下划线,最多 {limit} 个字符",
        "The code of a policy is letters, digits and underscores, {limit} at most",
    ),
    "policy.unreadable": (422, "时限政策无法识别:{reason}", "The policy cannot be read: {reason}"),
    "policy.dates": (
        422,
        "生效日期 {valid_from} 不可用,最晚为 {latest}",
        "It cannot be valid from {valid_from}; the latest day is {latest}",
    ),
    "policy.full": (
        409,
        "最多 {limit} 个时限政策、每个 {editions} 个版本",
        "A bureau has at most {limit} policies of {editions} editions each",
    ),
    "policy.past_breach": (
        409,
        "这样修改会使 {count} 件事项在过去超时(如 {number},期限变为 {due}),请改为自 {forward} 起对新事项生效",
        "This would make {count} issues late in the past (such as {number}, due {due}); let it hold for new ones from {forward}",
    ),
    "choice.invalid": (
        422,
        "时限选择规则有 {count} 处不符,第一处({at}):{first}",
        "The rules do not fit in {count} places, the first ({at}): {first_en}",
    ),
    "choice.full": (409, "时限选择规则最多 {limit} 版", "A bureau has at most {limit} editions of these rules"),
    "choice.unreadable": (422, "文件 {file} 读不出规则:{reason}", "{file} holds no such rules: {reason}"),
    "ladder.invalid": (
        422,
        "提醒规则有 {count} 处不符,第一处({at}):{first}",
        "The ladder does not fit in {count} places, the first ({at}): {first_en}",
    ),
    "ladder.full": (409, "提醒规则最多 {limit} 版", "A bureau has at most {limit} editions of its ladder"),
    "ladder.unreadable": (422, "文件 {file} 读不出提醒规则:{reason}", "{file} holds no ladder: {reason}"),
    "issue.policy": (422, "没有这个时限政策:{policy}", "There is no such policy: {policy}"),
    "issue.letter": (422, "没有结果等次 {letter},可选 {letters}", "There is no result letter {letter}; use {letters}"),
    "issue.letters": (
        422,
        "请给出 1 到 {limit} 个不重复的结果等次",
        "Give 1 to {limit} result letters, each once",
    ),
    "issue.return_forced": (409, "该事项为审定派单,不能退回", "This dispatch is final; it cannot be returned"),
    "issue.return_late": (409, "申请退回的期限已于 {until} 截止", "The time for asking to return it ended on {until}"),
    "issue.wait_used": (
        409,
        "按时限政策,待企业补充最多 {limit} 次,已用 {used} 次",
        "By its policy an issue may wait for the enterprise {limit} times at most; it has {used} times",
    ),
    "issue.reopen_late": (409, "销号超过 {days} 天,不能再退回重办", "It was closed more than {days} days ago"),
    "issue.extension_open": (409, "已有一个延期申请在审批", "An extension is being decided already"),
    "issue.extension_none": (409, "没有待审批的延期申请", "No extension has been asked for"),
    "issue.extension_used": (
        409,
        "按时限政策,延期最多 {limit} 次,已批准 {used} 次",
        "Its policy gives at most {limit} extensions; it has had {used}",
    ),
    "issue.extension_clock": (409, "时限“{clock}”现在没有到期日", "The clock “{clock}” has no date now"),
    "issue.extension_late": (
        409,
        "期限为 {due},延期须提前 {notice} 个工作日、最迟于 {last} 申请",
        "The date is {due}; an extension had to be asked for {notice} working days before, by {last}",
    ),
    "issue.extension_length": (
        422,
        "新的期限须晚于 {due}、不晚于 {longest}(每次延期不超过原时限的 {percent}%),申请的是 {asked_until}",
        "The new date must be after {due} and no later than {longest} (one extension is at most {percent} % of the limit); "
        "{asked_until} was asked for",
    ),
    "issue.merge_self": (422, "不能把事项并入它自己", "An issue cannot be merged into itself"),
    "issue.merge_closed": (409, "事项 {number} 已不在办理中", "Issue {number} is no longer open"),
    "issue.stale": (
        409,
        "事项 {number} 已有新进展({person}:{verb_zh},现为“{state_zh}”),请看过再操作",
        "{number} has moved on ({person}: {verb_en}, now “{state_en}”); look again and decide",
    ),
    "issue.parts_waiting": (
        409,
        "分办单位 {units} 尚未反馈;确需先答复,请在 without_parts 写明原因",
        "These units have not answered for their part: {units}; say in without_parts why the answer does not wait",
    ),
    "issue.no_part": (
        422,
        "单位 {unit} 不在分办、协办之列,现有:{units}",
        "Unit {unit} has no part in this; those that have: {units}",
    ),
    "issue.milestone_past": (
        422,
        "节点日期 {day} 已过,请填今天({today})或以后",
        "The milestone {day} is past; name {today} or a later day",
    ),
    "issue.excluded": (
        409,
        "事项 {number} 已不计入统计:{reason}",
        "{number} is left out of the rates already: {reason}",
    ),
    "issue.included": (409, "事项 {number} 本来就计入统计", "{number} is counted in the rates as it is"),
    "issue.field_required": (
        422,
        "本机构规定“{verb_zh}”须填写:{fields}",
        "This bureau asks for these fields of “{verb_en}”: {fields}",
    ),
    "machine.invalid": (
        422,
        "流程设置有 {count} 处不符,第一处:{first}",
        "The machine does not fit in {count} places, the first: {first_en}",
    ),
    "machine.stale": (
        409,
        "流程设置已更新到第 {version} 版(您依据的是第 {base} 版),请在新版上修改",
        "The machine is at version {version} by now (yours came from {base}); change the newer one",
    ),
    "machine.unreadable": (
        422,
        "文件 {file} 读不出流程设置:{reason}",
        "{file} holds no overlay of the machine: {reason}",
    ),
    "common.not_one": (
        422,
        "{number} 不能这样归并:只有非共性事项才能归入共性问题",
        "{number} does not fit: only what is no common problem itself joins one that is",
    ),
    "common.joined": (409, "事项 {number} 已归入共性问题 {parent}", "{number} is a case of {parent} already"),
    "common.not_joined": (409, "事项 {number} 没有归入共性问题", "{number} is a case of no common problem"),
    "common.unanswered": (
        409,
        "共性问题 {number} 的答复尚未审核通过",
        "The answer to the common problem {number} has not been signed off",
    ),
    "common.not_below": (
        422,
        "{issues} 没有归入共性问题 {number}",
        "These are no cases of the common problem {number}: {issues}",
    ),
    "issue.split_all": (
        422,
        "不能拆出事项 {number} 的全部诉求,至少留下一条",
        "Not every report of {number} can leave it; keep at least one",
    ),
    "issue.split_merged": (
        409,
        "该诉求随 {number} 并入,请撤销 {number} 的并案",
        "This report came with {number}; undo that merge instead",
    ),
    "link.rejected": (
        409,
        "该诉求已被判定与事项 {number} 不是同一件事,请找分办员",
        "This report was judged not to belong to {number}; ask a dispatcher",
    ),
    "link.not_suggested": (
        409,
        "该诉求没有待确认地关联到事项 {number}",
        "No link of this report to {number} waits to be judged",
    ),
    "link.last": (
        409,
        "该诉求只在事项 {number} 中,撤销关联后将无人答复;请改用拆分或并案",
        "This report is in no issue but {number} and would be answered by nobody; split or merge instead",
    ),
    "issue.not_merged": (409, "该事项没有并案", "This issue is not merged"),
    "issue.filter_unknown": (
        422,
        "没有名为 {filter} 的筛选条件。可用:{known}",
        "There is no filter called {filter}. Known are: {known}",
    ),
    "issue.snooze": (
        422,
        "稍后处理的日期须在将来,最多 {days} 天",
        "Putting it aside takes a time with its zone, ahead of now and at most {days} days",
    ),
    "issue.filter": (422, "筛选条件 {field} 无效:{value}", "The filter {field} does not fit: {value}"),
    # lists
    "list.unknown": (404, "没有这个清单", "No such list"),
    "list.column": (
        422,
        "没有名为 {column} 的列。可用:{known}",
        "There is no column called {column}. Known are: {known}",
    ),
    "list.full": (
        409,
        "每人最多保存 {limit} 个清单,请先删除不用的",
        "A person keeps at most {limit} lists; delete one first",
    ),
    "list.share": (
        422,
        "共享范围为 private、bureau(不写对象),或 unit、role(须写对象)",
        "A list is shared as private or bureau (with nobody named), or as unit or role (with the one named)",
    ),
    "bulk.verb": (422, "“{verb}”不能批量办理。可用:{known}", "“{verb}” is not for many at once. Known are: {known}"),
    "bulk.picking": (
        422,
        "请用 issues、list、filters 三者之一选定事项",
        "Pick issues by exactly one of: issues, worklist, filters",
    ),
    "bulk.too_many": (422, "一次最多办理 {limit} 件,请缩小范围", "At most {limit} issues at once; narrow the list"),
    "bulk.unknown": (404, "没有这次批量办理", "No such bulk job"),
    "bulk.no_undo": (409, "“{verb}”不能撤销:{why_zh}", "“{verb}” cannot be taken back: {why_en}"),
    "bulk.running": (409, "批量办理尚未结束,请先完成或取消", "The job is still under way; finish or cancel it first"),
    "bulk.undone": (409, "这次批量办理已撤销过", "This job has been taken back already"),
    # similar
    "similar.verdict": (
        422,
        "“同一件事”须指明一个事项,“相似但不是一件事”至少指明一个,“新事项”不指明",
        "“same” names one issue, “not_same” at least one, “new” none",
    ),
    "similar.no_proposal": (
        404,
        "没有待定的归并建议指向事项 {number}",
        "No such proposal for {number} waits for a decision",
    ),
    # callbacks
    "callback.incomplete": (422, "回访还缺这些内容:{fields}", "These answers are still missing: {fields}"),
    "callback.unreadable": (422, "回访内容无法识别:{reason}", "The call-back cannot be read: {reason}"),
    "callback.not_due": (
        409,
        "事项 {number} 现为“{state}”,不需要回访",
        "Issue {number} does not wait for a call-back now",
    ),
    "callback.which": (
        422,
        "请用 report 指明回访哪条诉求的企业:{reports}",
        "Say in `report` whose report this call-back is about: {reports}",
    ),
    "callback.answered": (
        409,
        "这次办理结果已经评价过了,不能重复评价",
        "This result has been judged already; it can be judged once",
    ),
    "callback.waiting": (
        409,
        "事项 {number} 还有 {count} 家未回访,不能销号",
        "Issue {number} still waits for {count} call-backs and cannot be closed",
    ),
    # what reporters see and say
    "issue.reply_report": (
        422,
        "单独答复的对象必须是事项 {number} 的诉求,每条诉求一份;不符的:{reports}",
        "Words of its own go to a report that issue {number} answers, once each; these do not fit: {reports}",
    ),
    "rate.by": (422, "不能按“{by}”分组,可选:{parts}", "Rates cannot be split by “{by}”; choose one of: {parts}"),
    "rate.period": (
        422,
        "统计期的首日不能晚于末日,最长 {limit} 天",
        "A period ends on or after its first day and has at most {limit} days",
    ),
    "reporter.expired": (
        410,
        "链接已过期,请向服务专员索取新的链接",
        "The link has expired; ask your commissioner for a new one",
    ),
    "reporter.not_yet": (
        409,
        "事项 {number} 还没有答复,答复后才能评价",
        "Issue {number} has not been answered yet; it can be judged once it is",
    ),
    "reporter.over": (
        409,
        "事项 {number} 已经结束,如有新情况请联系服务专员",
        "Issue {number} has ended; if there is news, speak to your commissioner",
    ),
    "reporter.no_code": (
        409,
        "登记库中没有贵企业的统一社会信用代码,请直接联系服务专员办理",
        "The registry has no credit code of this enterprise; ask your commissioner directly",
    ),
    "reporter.locked": (
        403,
        "信用代码输错次数过多,此链接不再核对代码,请向服务专员索取新的链接",
        "The code was wrong too often and this link takes no more; ask your commissioner for a new one",
    ),
    "reporter.too_many": (
        409,
        "通过此链接最多补充 {limit} 次,请直接联系服务专员",
        "This link takes {limit} comments; speak to your commissioner",
    ),
    # tasks
    "task.unknown": (404, "没有这项任务", "No such task"),
    "task.state_unknown": (422, "没有这个状态:{state}。可选:{states}", "No such state: {state}. States: {states}"),
    # visits
    "visit.unknown": (404, "没有这次走访", "No such visit"),
    "visit.id_taken": (409, "走访编号已被占用,请换一个", "This visit id is taken; use another"),
    "visit.done": (409, "这次走访已经完成,不能取消", "This visit has taken place and cannot be cancelled"),
    "visit.channel_unknown": (
        422,
        "没有这种走访方式:{channel}。可选:{channels}",
        "No such channel: {channel}. Channels: {channels}",
    ),
    "visit.period": (422, "起止日期有误:开始应不晚于结束", "The period does not fit: it starts after it ends"),
    "symposium.unknown": (404, "没有这次座谈会", "No such symposium"),
    "symposium.id_taken": (409, "座谈会编号已被占用,请换一个", "This symposium id is taken; use another"),
    "symposium.kind_unknown": (
        422,
        "没有这种会议类型:{kind}。可选:{kinds}",
        "No such kind of meeting: {kind}. Kinds: {kinds}",
    ),
    "symposium.year": (
        422,
        "会议时间须在 {first} 年到 {last} 年之间",
        "The meeting must be between the years {first} and {last}",
    ),
    "symposium.nameless": (422, "请填写会议名称", "Give the meeting a name"),
    "symposium.closed": (409, "座谈会已结束", "The symposium is closed"),
    "attendance.id_taken": (409, "签到编号已被占用,请换一个", "This attendance id is taken; use another"),
    "attendance.too_many": (422, "一次会议最多 {limit} 人签到", "A meeting takes at most {limit} sign-ins"),
    "attendance.nobody": (422, "请填写姓名", "Give the attendee's name"),
    "attendance.word_unknown": (
        422,
        "{field} 不能是“{word}”。可选:{words}",
        "{field} cannot be “{word}”. Words: {words}",
    ),
    # campaigns
    "campaign.several": (
        409,
        "有 {count} 个活动叫“{name}”,请用编号:{ids}",
        "{count} campaigns are called {name}; name it by its id: {ids}",
    ),
    "campaign.unknown": (404, "没有这个活动", "No such campaign"),
    "campaign.nameless": (422, "请填写活动名称", "Give the campaign a name"),
    "round.unknown": (404, "该活动没有第 {n} 期", "The campaign has no round {n}"),
    "round.dates": (422, "开始日期不能晚于截止日期", "The round opens after it closes"),
    "round.far": (422, "截止日期最晚为 {latest}", "The round may close on {latest} at the latest"),
    "round.opened": (409, "第 {n} 期已开启,名单已冻结", "Round {n} has been opened; its list is frozen"),
    "round.not_open": (409, "第 {n} 期没有开启或已结束", "Round {n} is not open, or no longer"),
    "round.form_expired": (
        409,
        "表单“{form}”的有效期已于 {valid_until} 届满,不能开启调查;请先续期并发布新版本",
        "The approval of the form “{form}” ended on {valid_until}; renew it and publish a new version first",
    ),
    "round.form_retired": (409, "表单“{form}”已停用", "The form “{form}” is retired"),
    "round.nobody": (422, "名单为空:没有符合条件的企业", "Nobody fits: the list of enterprises is empty"),
    "round.too_many": (422, "名单过长,最多 {limit} 户", "The list is too long; the limit is {limit} enterprises"),
    "round.population": (
        422,
        "请只用一种方式确定名单:企业编号、信用代码、培育库,或筛选条件",
        "Choose the list in one way: enterprise ids, credit codes, a pool, or a filter",
    ),
    "round.enterprises_unknown": (
        422,
        "名单中有 {count} 户不在名录中:{first}",
        "{count} of the list are in no registry: {first}",
    ),
    "slot.unknown": (404, "名单中没有这一户", "No such enterprise in this round"),
    "slot.state_unknown": (422, "没有这个状态:{state}。可选:{states}", "No such state: {state}. States: {states}"),
    "slot.merged": (
        409,
        "该企业已并入名单中的另一户,请在那一户登记",
        "This enterprise was merged into another one of the list; use that one",
    ),
    "slot.filled": (
        409,
        "该企业本期已填报,谢谢",
        "This round has been answered for this enterprise already; thank you",
    ),
    "link.unknown": (
        404,
        "链接无效或已停用,请联系服务专员",
        "The link is not valid or was withdrawn; ask your commissioner",
    ),
    "link.expired": (410, "链接已过期,本期填报已结束", "The link has expired; this round is over"),
    "link.too_often": (
        429,
        "操作过于频繁,请 {retry_after} 秒后再试",
        "Too many requests; try again in {retry_after} seconds",
    ),
    # notices
    "notice.unknown": (404, "没有这条通知", "No such notice"),
    "channel.unknown": (404, "没有这个通知通道", "No such channel"),
    "channel.address": (
        422,
        "通道地址不完整:请填写平台给出的完整网址,不含用户名",
        "The address of the channel is not whole: give the address the platform shows, without a user name",
    ),
    "channel.template": (
        422,
        "模板不能使用({reason})。应为有效的 JSON 或表单,可用的占位:{places}",
        "The template cannot be used ({reason}). It must be JSON or a form; it may name: {places}",
    ),
    "channel.headers": (
        422,
        "请求头“{name}”不能使用,最多 {limit} 个",
        "The header {name} cannot be used; there may be {limit} at most",
    ),
    "channel.too_many": (422, "通道过多,最多 {limit} 个", "Too many channels; the limit is {limit}"),
    "channel.kind_fixed": (
        409,
        "该通道的类型是 {kind},不能更改;请停用后另建一个",
        "This channel is of the kind {kind}; disable it and add another one instead",
    ),
    "channel.no_recipient": (
        422,
        "请填写接收测试消息的邮箱或手机号码",
        "Say which mail address or number the test message is for",
    ),
    "channel.unreadable": (
        409,
        "通道的密钥无法解读(服务器密钥已更换),请重新填写连接信息",
        "The secrets of the channel cannot be read (the server's own secret has changed); give its connection again",
    ),
    "delivery.unknown": (404, "没有这条发送记录", "No such delivery"),
    "delivery.held_back": (
        409,
        "这条通知已静音或等待汇总,不能重发",
        "This notice is muted or waits for a digest; it cannot be sent again",
    ),
    "issue.nobody_to_urge": (
        409,
        "{number} 还没有责任单位,请先派单",
        "{number} has no unit to urge yet; dispatch it first",
    ),
    "issue.not_supervised": (
        409,
        "{number} 没有待答复的督办",
        "{number} has no supervision that waits for an answer",
    ),
    # letters
    "paper.unknown": (404, "没有这份文书", "No such letter"),
    "paper.kind": (422, "没有这种文书:{kind}。可选:{kinds}", "No such letter: {kind}. Letters: {kinds}"),
    "paper.nothing_urged": (
        409,
        "{number} 尚未催办或督办,不能出具催办通知书",
        "{number} was not urged; there is nothing to put into the letter",
    ),
    "paper.not_led": (409, "{number} 还没有责任单位,不能出具交办单", "{number} has no unit yet to hand it over to"),
    "paper.template": (
        422,
        "模板不能使用:{reason}",
        "This template cannot be used: {reason_en}",
    ),
    # alarms
    "alarm.unknown": (404, "没有这条预警", "There is no such alarm"),
    "alarm.period": (
        422,
        "回放时段无效:首日不得晚于末日,末日不得晚于今天,最长 {limit} 天",
        "No period to replay: first before last, not in the future, {limit} days at most",
    ),
    # boards
    "board.unknown": (404, "没有这块看板:{board}。可选:{boards}", "No such board: {board}. Boards: {boards}"),
    "board.cell": (404, "看板 {board} 没有这一格:{cell}", "The board {board} has no cell {cell}"),
    "board.by": (422, "热力表不能按 {by} 分列;可选:{known}", "There are no columns by {by}; known: {known}"),
    "board.moment": (
        422,
        "截至时刻 {as_of} 无效:请给出带时区、不晚于现在的时刻",
        "The moment {as_of} is not one: give it with its zone, and not in the future",
    ),
    "board.period": (
        422,
        "时段 {first} 至 {last} 无效:首日不得晚于末日,最长 {limit} 天",
        "From {first} to {last} is no period: first before last, {limit} days at most",
    ),
    "link.code_wrong": (403, "统一社会信用代码后四位不符", "The last four characters of the credit code do not match"),
}


def refusal(code: str, /, **details: Any) -> Refusal:
    status, zh, en = CATALOGUE[code]
    return Refusal(code, status, zh.format_map(details), en.format_map(details), **details)
