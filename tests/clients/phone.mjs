// A phone in another language, written from docs/sync.md alone: its whole memory is one JSON file.
//
//     const phone = new Phone('zhou.json', { server: 'https://qifang.example' });
//     await phone.enrol('WCRRFLPXWYZR', '周的手机');
//     const record = phone.do('record.submit', randomUUID(), args, 'record');
//     phone.attach(record.target, 'door.jpg', photo);
//     await phone.sync(); // push, files, pull; throws Offline: later
//
// The numbers in comments are those of the rules on the page.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Line, Refused } from './phone_line.mjs';

const TRIES_MAX = 8; // refusals mended, or waited for, in one request
const KEPT_MILLISECONDS = 30 * 24 * 3600 * 1000;
const TUS = { 'Tus-Resumable': '1.0.0' };

const BLANK = {
    device: null, token: null, person: null, former: [], epoch: null, serverTime: null,
    queue: [], journal: [], results: {}, made: 0, next: 1, answered: 0, pruned: null, lostUntil: null, mustOffer: false,
    files: [], rows: {}, redirects: {}, cursor: null, until: null, repairs: [], isRevoked: false,
};

export class Phone {
    constructor(path, { limit = 1000, partBytes = 256 * 1024, ...told }) {
        Object.assign(this, { path, limit, partBytes });
        this.line = new Line(told);
        this.limits = { operations_max: 500, push_bytes_max: 8 << 20, operation_bytes_max: 1 << 20, repairs_max: 20 };
        this.state = existsSync(path) ? JSON.parse(readFileSync(path)) : structuredClone(BLANK);
    }

    // One local transaction: the file is the old one or the new one.
    save() {
        const file = openSync(`${this.path}.new`, 'w');
        writeFileSync(file, JSON.stringify(this.state));
        fsyncSync(file);
        closeSync(file);
        renameSync(`${this.path}.new`, this.path);
    }

    // The incarnation is stored before it is told, so that a lost answer can be asked for again.
    async enrol(code, name) {
        const { state } = this;
        state.incarnation ??= randomBytes(16).toString('base64url');
        this.save();
        const request = { code, incarnation: state.incarnation, name };
        const told = await this.patiently(() => this.line.json('/sync/v1/enrol', request));
        if (state.person && state.person !== told.person) throw new Error('a store belongs to one person');
        const isAnother = state.device !== null && state.device !== told.device;
        Object.assign(state, { device: told.device, token: told.token, person: told.person, isRevoked: false });
        if (isAnother) this.offerAgain(0);
        this.save();
    }

    async hello() {
        const told = await this.ask('/sync/v1/hello');
        for (const name of Object.keys(this.limits)) this.limits[name] = told[name] ?? this.limits[name];
        this.limit = Math.min(this.limit, told.pull_limit_max ?? 5000);
        this.heed(told);
        this.save();
        return told;
    }

    // One request, with everything in it made anew for every try: the clock, the numbers, the identity, the cursor.
    async ask(path, content = () => undefined) {
        return this.patiently(() => this.line.json(path, content(), this.state.token), (refused) => this.mend(refused));
    }

    async patiently(request, mend = () => false) {
        for (let tries = 1; ; tries += 1) {
            try {
                return await request();
            } catch (refused) {
                if (!(refused instanceof Refused) || tries === TRIES_MAX) throw refused;
                const isBusy = [429, 503].includes(refused.status) || refused.code === 'busy';
                if (isBusy) await this.line.wait(refused.retryAfter || 1);
                else if (!await mend(refused)) throw refused;
            }
        }
    }

    // What the phone does about a refusal. True: the same request makes sense again.
    async mend({ status, code, details }) {
        const { state } = this;
        const isUnreadable = code === 'envelope.malformed' && details.path === '$.cursor';
        if (code === 'n_gap') {
            this.offerAgain(details.expected - 1);
        } else if (code === 'device_forked') { // rule 2
            state.former.push({ device: state.device, token: state.token });
            Object.assign(state, { device: details.device, token: details.token });
            this.offerAgain(0);
        } else if (code === 'resync_required' || isUnreadable) {
            this.startOver();
            if (['epoch_changed', 'history_changed'].includes(details.reason)) {
                state.epoch = null;
                this.offerAgain(details.have_n);
            }
        } else if (status === 401 && state.former.length > 0) {
            Object.assign(state, state.former.pop(), { mustOffer: true });
            await this.hello();
        } else if (status === 413) { // fewer operations at once
            this.limits.push_bytes_max /= 2;
        } else if (code === 'device_revoked') { // rule 22: what it was shown goes, its work stays
            Object.assign(state, { isRevoked: true, rows: {}, redirects: {}, cursor: null, until: null });
        } else {
            return false;
        }
        this.save();
        return code !== 'device_revoked';
    }

    // Reads everything once more (15): rows stay until the head is reached.
    startOver() {
        for (const row of Object.values(this.state.rows)) row.scopes = [];
        Object.assign(this.state, { cursor: null, until: null, repairs: [] });
    }

    // Every answer that says how many operations the server has may be the news that it was restored.
    heed({ have_n: had, server_time: time, epoch }) {
        const { state } = this;
        const isAnother = epoch !== undefined && state.epoch !== null && epoch !== state.epoch;
        Object.assign(state, { serverTime: time ?? state.serverTime, epoch: epoch ?? state.epoch });
        if (had !== undefined && (state.mustOffer || isAnother || had < state.answered)) this.offerAgain(had);
    }

    // The journal and the queue get new numbers, in the order in which the person worked, and are sent again (2, 15).
    offerAgain(had) {
        const { state } = this;
        const all = [...state.journal, ...state.queue].sort((one, other) => one.made - other.made);
        for (const entry of all) entry.n = null;
        for (const file of state.files) file.stored = null;
        Object.assign(state, { queue: all, journal: [], next: had + 1, answered: had, mustOffer: false });
        state.lostUntil = state.pruned ?? state.lostUntil;
    }

    // Queues an operation, and shows at once what it will make.
    do(op, target, args, kind, more = {}) {
        const operation = { id: randomUUID(), op, target, args, ...more, at: new Date().toISOString() };
        const bytes = Buffer.byteLength(JSON.stringify(operation));
        if (bytes > this.limits.operation_bytes_max) throw new Error('too large');
        this.state.made += 1;
        this.state.queue.push({ n: null, made: this.state.made, operation });
        if (kind) this.state.rows[`${kind}/${target}`] ??= { kind, id: target, v: null, scopes: [], d: args };
        this.save();
        return operation;
    }

    // A field edit (8): on the row as the server showed it; `prev` is our own edit that waits, and `was` what it wants.
    edit(kind, id, set) {
        const row = this.state.rows[`${kind}/${id}`];
        if (!row || row.isLeaving) throw new Error('read only');
        const waiting = this.unsent(id).map((entry) => entry.operation).filter((one) => one.op === `${kind}.patch`);
        const shown = Object.assign({}, row.d.facts, row.d, ...waiting.map((one) => one.args.set));
        const was = Object.fromEntries(Object.keys(set).map((field) => [field, shown[field] ?? null]));
        const prev = waiting.length > 0 ? { prev: waiting.at(-1).id } : {};
        return this.do(`${kind}.patch`, id, { set }, null, { base: row.v, was, ...prev });
    }

    attach(record, name, content) {
        const sha256 = createHash('sha256').update(content).digest('hex');
        const file = { id: randomUUID(), record, name, sha256, isAnnounced: false, stored: null, trouble: null };
        this.state.files.push({ ...file, content: content.toString('base64') });
        this.save();
        return file.id;
    }

    unsent(target) {
        return this.state.queue.filter((entry) => entry.operation.target === target);
    }

    async push() {
        const { state } = this;
        const putOff = new Set(); // answered `retry`: not again in this push
        while (state.queue.some((entry) => !putOff.has(entry.operation.id))) {
            let batch;
            const answer = await this.ask('/sync/v1/push', () => {
                batch = this.batch(putOff);
                return this.envelope(batch);
            });
            const results = new Map(answer.results.map((result) => [result.id, result]));
            for (const entry of batch) {
                const result = results.get(entry.operation.id) ?? { status: 'retry' };
                if (result.status === 'retry') putOff.add(entry.operation.id);
                else this.settle(entry, result, answer.server_time);
            }
            state.lostUntil = null;
            state.isRevoked ||= answer.wipe_after === true;
            this.heed(answer);
            this.forgetOld();
            this.save();
        }
    }

    // The next operations, in their order; they get their numbers now, before they are sent for the first time.
    batch(putOff) {
        const { state, limits } = this;
        const found = [];
        let bytes = 1000; // the envelope
        for (const entry of state.queue) {
            if (putOff.has(entry.operation.id)) continue;
            bytes += Buffer.byteLength(JSON.stringify(entry.operation)) + 30;
            if (found.length === limits.operations_max || (found.length > 0 && bytes > limits.push_bytes_max)) break;
            entry.n ??= state.next++;
            found.push(entry);
        }
        this.save();
        return found;
    }

    // `acked`: up to here every number has an answer that is stored.
    envelope(batch) {
        const { device, incarnation, queue, next, lostUntil } = this.state;
        const waiting = queue.filter((entry) => entry.n !== null).map((entry) => entry.n);
        const operations = batch.map(({ n, operation }) => ({ n, ...operation }));
        const acked = Math.min(next, ...waiting) - 1;
        const clock = new Date().toISOString();
        return { device, incarnation, acked, clock, operations, ...(lostUntil ? { lost_until: lostUntil } : {}) };
    }

    // Answered is answered: what is held, rejected or in conflict is kept by the server, and comes as a row.
    settle(entry, result, serverTime) {
        const { state } = this;
        state.queue.splice(state.queue.indexOf(entry), 1);
        state.journal.push({ ...entry, answered: serverTime });
        state.results[result.id] = result;
        state.answered = Math.max(state.answered, entry.n);
    }

    // Journal and files are kept for 30 days of the server's time (15).
    forgetOld() {
        const { state } = this;
        const isKept = (moment) => Date.parse(state.serverTime) - Date.parse(moment) < KEPT_MILLISECONDS;
        for (const { operation, answered } of state.journal) {
            if (isKept(answered)) continue;
            state.pruned = operation.at;
            delete state.results[operation.id];
        }
        state.journal = state.journal.filter((entry) => isKept(entry.answered));
        state.files = state.files.filter((file) => file.stored === null || isKept(file.stored));
    }

    async upload() {
        for (const file of this.state.files.filter((one) => one.stored === null && one.trouble === null)) {
            try {
                await this.carry(file, Buffer.from(file.content, 'base64'));
                file.stored = this.state.serverTime;
            } catch (refused) {
                if (!(refused instanceof Refused)) throw refused;
                const mayPass = [401, 403, 429, 503, 507].includes(refused.status); // tried again with the next sync
                file.trouble = mayPass ? null : refused.code ?? String(refused.status); // holds up no other file
            }
            this.save();
        }
    }

    async carry(file, content) {
        let offset = await this.arrived(file, content.length);
        for (let tries = 1; offset < content.length; tries += 1) {
            const part = content.subarray(offset, offset + this.partBytes);
            try {
                offset = await this.send(file.id, offset, part);
                tries = 0;
            } catch (refused) {
                if (!(refused instanceof Refused) || tries === TRIES_MAX) throw refused;
                if (refused.code === 'file.offset') offset = refused.details.offset;
                else if (refused.code === 'file.corrupt') offset = 0;
                else if (refused.status === 410) offset = await this.announce(file, content.length);
                else if (refused.code === 'file.busy') await this.line.wait(1);
                else if (refused.code !== 'file.checksum') throw refused;
            }
        }
    }

    async arrived(file, length) {
        if (!file.isAnnounced) return this.announce(file, length);
        try {
            return await this.tus('HEAD', `/files/${file.id}`);
        } catch (refused) {
            if (![404, 410].includes(refused.status)) throw refused; // an answer to HEAD has no body, and so no code
            return this.announce(file, length);
        }
    }

    async announce(file, length) {
        const told = { id: file.id, record: file.record, name: file.name, sha256: file.sha256 };
        const words = Object.entries(told).map(([key, text]) => `${key} ${Buffer.from(text).toString('base64')}`);
        const headers = { 'Upload-Length': `${length}`, 'Upload-Metadata': words.join(',') };
        const offset = await this.tus('POST', '/files', headers);
        file.isAnnounced = true;
        this.save();
        return offset;
    }

    async send(id, offset, part) {
        const checksum = `sha256 ${createHash('sha256').update(part).digest('base64')}`;
        const type = 'application/offset+octet-stream';
        const headers = { 'Content-Type': type, 'Upload-Offset': `${offset}`, 'Upload-Checksum': checksum };
        return this.tus('PATCH', `/files/${id}`, headers, part);
    }

    // One step of tus; says how much has arrived.
    async tus(method, path, headers = {}, body = undefined) {
        const { token } = this.state;
        const request = () => this.line.open(method, path, { token, headers: { ...TUS, ...headers }, body });
        const answer = await this.patiently(request);
        await answer.arrayBuffer().catch(() => {}); // nothing is in it
        return Number(answer.headers.get('Upload-Offset'));
    }

    async pull() {
        const { state } = this;
        for (let isAtHead = false; !isAtHead;) {
            const page = await this.ask('/sync/v1/pull', () => ({
                limit: this.limit,
                ...(state.cursor ? { cursor: state.cursor } : {}),
                ...(state.repairs.length > 0 ? { repair: state.repairs } : {}),
            }));
            for (const change of page.changes) this.apply(change);
            Object.assign(state, { cursor: page.cursor, until: page.complete ? page.until : null, repairs: [] });
            this.heed(page);
            isAtHead = page.complete && page.head <= page.until; // 17
            if (isAtHead) this.sweep();
            this.save(); // the page, its cursor and the sweep in one
        }
    }

    apply({ op, kind, id, v, d, to, add, scopes = [] }) {
        const { rows, redirects } = this.state;
        const key = `${kind}/${id}`;
        if (op === 'put') {
            const held = add ? rows[key]?.scopes ?? [] : [];
            rows[key] = { kind, id, v, d, scopes: [...new Set([...held, ...scopes])] };
            delete redirects[key];
        } else if (op === 'scope_out') {
            for (const one of Object.keys(rows)) this.takeScopes(one, scopes);
        } else if (op === 'out') {
            this.takeScopes(key, scopes);
        } else if (op === 'gone' || op === 'redirect') {
            if (op === 'redirect') redirects[key] = to;
            this.drop(key);
        }
    }

    takeScopes(key, lost) {
        const row = this.state.rows[key];
        if (!row?.scopes.some((scope) => lost.includes(scope))) return;
        row.scopes = row.scopes.filter((scope) => !lost.includes(scope));
        if (row.scopes.length === 0) this.drop(key);
    }

    // A row with unsent work is never dropped: it is leaving.
    drop(key) {
        const row = this.state.rows[key];
        if (row && this.unsent(row.id).length > 0) Object.assign(row, { scopes: [], isLeaving: true });
        else delete this.state.rows[key];
    }

    // Only at the head: what no scope holds and nobody works on (14, 15, 18).
    sweep() {
        for (const [key, row] of Object.entries(this.state.rows)) if (row.scopes.length === 0) this.drop(key);
    }

    // Compares what is held with what should be; brings again what differs. Says which scopes did.
    async check() {
        const { state } = this;
        if (state.until === null) return [];
        let told;
        try {
            const path = `/sync/v1/digest?as_of=${state.until}`;
            told = await this.patiently(() => this.line.json(path, undefined, state.token));
        } catch (refused) {
            if (!(refused instanceof Refused) || !await this.mend(refused)) throw refused;
            await this.pull();
            return [];
        }
        const held = this.digest();
        const scopes = new Set([...Object.keys(held), ...Object.keys(told.scopes)]);
        const nothing = { count: 0, xor: '0'.repeat(16) };
        const differs = (mine, theirs) => mine.count !== theirs.count || mine.xor !== theirs.xor;
        const wrong = [...scopes].filter((scope) => !told.moved.includes(scope)
            && differs(held[scope] ?? nothing, told.scopes[scope] ?? nothing));
        if (wrong.length === 0) return wrong;
        for (const row of Object.values(state.rows)) row.scopes = row.scopes.filter((scope) => !wrong.includes(scope));
        state.repairs = wrong;
        if (wrong.length > this.limits.repairs_max) this.startOver();
        this.save();
        await this.pull();
        return wrong;
    }

    digest() {
        const sums = {};
        for (const { kind, id, v, scopes } of Object.values(this.state.rows)) {
            const hash = createHash('sha256').update(`${kind}/${id}/${v}`).digest().readBigUInt64BE();
            for (const scope of scopes) {
                sums[scope] ??= { count: 0, xor: 0n };
                sums[scope].count += 1;
                sums[scope].xor ^= hash;
            }
        }
        const text = ({ count, xor }) => ({ count, xor: xor.toString(16).padStart(16, '0') });
        return Object.fromEntries(Object.entries(sums).map(([scope, sum]) => [scope, text(sum)]));
    }

    // Calls `news` whenever something changed beyond what was read, until `stop` (an AbortSignal).
    async listen(news, stop) {
        let retry = 5;
        while (!stop.aborted) {
            try {
                for await (const event of this.line.events(this.state.token, this.state.until ?? 0, stop)) {
                    if (event.retry) retry = Number(event.retry) / 1000;
                    if (event.event === 'changed' && JSON.parse(event.data).n > (this.state.until ?? -1)) await news();
                }
            } catch (broken) {
                if (stop.aborted) return;
                if (broken instanceof Refused && !await this.mend(broken)) throw broken;
                if (broken instanceof Refused) retry = Math.max(retry, broken.retryAfter);
            }
            await this.line.wait(retry);
        }
    }

    // True when nothing waits any more.
    async sync() {
        const { state } = this;
        await this.push();
        await this.upload();
        try {
            if (!this.mustUpdate) {
                await this.pull();
                state.isRevoked = false; // a person who was disabled is back
            }
        } catch (refused) {
            if (refused.status === 426) this.mustUpdate = refused.details; // 23: the work is handed in, and nothing read
            else if (refused.code !== 'device_revoked') throw refused;
        }
        const isDone = state.queue.length === 0 && state.files.every((file) => file.stored ?? file.trouble);
        if (state.isRevoked && isDone) Object.assign(state, { journal: [], files: [], results: {} }); // 22
        this.save();
        return isDone;
    }
}
