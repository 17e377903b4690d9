"""How we say no: a code, a status, a sentence a person can act on in Chinese and English, and details."""

from typing import Any


class Refusal(Exception):
    """An expected no. Anything else that is raised is a bug.

    `code` is `noun.reason`; `status` is HTTP's; `details` travel to the client beside them.
    """

    def __init__(self, code: str, status: int, zh: str, en: str, /, **details: Any) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.status = status
        self.zh = zh
        self.en = en
        self.details = details


def malformed(path: str) -> Refusal:
    return Refusal("envelope.malformed", 400, "请求格式不正确", "The request is not well formed", path=path)


def too_large(limit: str) -> Refusal:
    return Refusal(
        "envelope.too_large", 413, "一次发送的内容过多, 请分批发送", "Too much at once; send less", limit=limit
    )


def token_unknown() -> Refusal:
    return Refusal("device.unknown", 401, "设备未登记, 请重新扫码登记", "This device is not enrolled; scan a new code")


def device_revoked() -> Refusal:
    return Refusal("device_revoked", 403, "此设备已被停用", "This device has been revoked", wipe=True)


def too_many_forks(limit: int) -> Refusal:
    return Refusal(
        "device.forks_exceeded",
        403,
        "此设备的副本过多, 请重新扫码登记",
        "This device has been copied too often; scan a new code",
        limit=limit,
    )


def device_foreign() -> Refusal:
    return Refusal("device.mismatch", 403, "令牌不属于此设备", "The token belongs to another device")


def n_gap(expected: int) -> Refusal:
    return Refusal("n_gap", 409, "操作编号不连续", "Operation numbers have a gap", expected=expected)


def busy() -> Refusal:
    return Refusal("busy", 409, "系统繁忙, 请稍后重试", "Busy; try again shortly")


def too_many_streams(limit: int, retry_after: int) -> Refusal:
    return Refusal(
        "events.full",
        503,
        "实时通知的连接已满, 请稍后再连",
        "All places for live events are taken; connect again later",
        limit=limit,
        retry_after=retry_after,
    )


def resync_required(reason: str, have_n: int) -> Refusal:
    return Refusal(
        "resync_required",
        410,
        "本机数据需要重新核对, 未发送的内容会保留",
        "The full set must be read again; unsent work is kept",
        mode="reconcile",
        reason=reason,
        have_n=have_n,
    )


def code_invalid() -> Refusal:
    return Refusal(
        "enrol.code_invalid", 403, "登记码无效、已使用或已过期", "The enrolment code is unknown, used or expired"
    )


def quarantine_unknown() -> Refusal:
    return Refusal("quarantine.unknown", 404, "没有这条待处理操作", "No such operation in quarantine")


def quarantine_decided(state: str) -> Refusal:
    return Refusal("quarantine.decided", 409, "这条操作已处理", "This operation has been decided already", state=state)


def quarantine_needs_decision(code: str) -> Refusal:
    return Refusal(
        "quarantine.needs_decision",
        409,
        "这条操作只能由人工采纳或退回",
        "This operation can only be accepted or returned by somebody",
        reason=code,
    )


def quarantine_waits() -> Refusal:
    return Refusal(
        "quarantine.waits",
        409,
        "这条操作在等待前一项操作, 请先处理前一项",
        "This operation waits for an earlier one; decide that first",
    )


def conflict_unknown() -> Refusal:
    return Refusal("conflict.unknown", 404, "没有这条冲突", "No such conflict")


def conflict_resolved() -> Refusal:
    return Refusal("conflict.resolved", 409, "这条冲突已处理", "This conflict has been resolved already")


def conflict_not_revivable() -> Refusal:
    return Refusal("conflict.not_revivable", 409, "该类对象删除后不能恢复", "A row of this kind cannot be brought back")


def conflict_row_gone() -> Refusal:
    return Refusal(
        "conflict.row_gone",
        409,
        "该对象已被删除, 请先恢复或放弃修改",
        "The row has been deleted; revive it, or let the edit go",
    )


def target_unknown() -> Refusal:
    return Refusal("target.unknown", 404, "操作的对象不存在或不可见", "The row does not exist or is not visible")


def id_taken() -> Refusal:
    """For an id that exists already, perhaps in another bureau: where is not said."""
    return Refusal("id_taken", 409, "编号已被占用", "This id is taken")
