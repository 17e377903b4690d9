// One request of a phone that was written from docs/sync.md alone (`phone.mjs`).
import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';

const PACKED_BYTES_MIN = 1000;

// Nobody answered, or somebody else did: a captive portal, a proxy. What was asked may have been done.
export class Offline extends Error {}

// The server said no: `status`, `code`, `details`.
export class Refused extends Error {
    constructor(answer, problem) {
        super(`${answer.status} ${problem.code ?? ''} ${problem.detail ?? ''}`);
        this.status = answer.status;
        this.code = problem.code;
        this.details = problem.details ?? {};
        this.retryAfter = Number(answer.headers.get('Retry-After') ?? 0);
    }
}

const later = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const isJson = (answer) => /^application\/(problem\+)?json/.test(answer.headers.get('Content-Type') ?? '');

// One server-sent event: its fields by name.
function fields(block) {
    return Object.fromEntries(block.split(/\r?\n/).map((line) => line.split(/: ?(.*)/s, 2)));
}

export class Line {
    constructor({ server, patience = 30_000, silence = 60_000, haste = 1 }) {
        Object.assign(this, { server, patience, silence, haste });
    }

    // Waits as long as it was told, and some chance of its own (a test is in more haste).
    wait(seconds) {
        return later((seconds * 1000 * (1 + Math.random() / 2)) / this.haste);
    }

    // Rule 21: an answer counts only with the echo of our request id. `signal` instead of `patience` for a stream.
    async open(method, path, { token, headers = {}, body, signal } = {}) {
        const asked = randomUUID();
        const signedIn = token ? { Authorization: `Bearer ${token}` } : {};
        let answer;
        try {
            answer = await fetch(this.server + path, {
                method, body, redirect: 'manual', signal: signal ?? AbortSignal.timeout(this.patience),
                headers: { ...headers, ...signedIn, 'X-Request-Id': asked },
            });
        } catch (broken) {
            throw new Offline(broken.message, { cause: broken });
        }
        if (answer.headers.get('X-Request-Id') !== asked) {
            answer.body?.cancel().catch(() => {});
            throw new Offline(`somebody else answered ${answer.status}`);
        }
        if (!answer.ok) throw new Refused(answer, isJson(answer) && method !== 'HEAD' ? await this.read(answer) : {});
        return answer;
    }

    async read(answer) {
        try {
            return JSON.parse(await answer.text());
        } catch (broken) {
            throw new Offline(`the answer was cut: ${broken.message}`, { cause: broken });
        }
    }

    async json(path, content, token) {
        const headers = {};
        let body;
        if (content !== undefined) {
            body = JSON.stringify(content);
            headers['Content-Type'] = 'application/json';
            if (body.length > PACKED_BYTES_MIN) {
                body = gzipSync(body);
                headers['Content-Encoding'] = 'gzip';
            }
        }
        const answer = await this.open(body ? 'POST' : 'GET', path, { token, headers, body });
        if (!isJson(answer)) throw new Offline(`an answer of type ${answer.headers.get('Content-Type')}`);
        return this.read(answer);
    }

    // The server-sent events after the number `after`. A connection may die without a word: `silence` is more than two
    // heartbeats.
    async* events(token, after, stop) {
        const silence = new AbortController();
        const watch = setTimeout(() => silence.abort(), this.silence);
        const headers = { Accept: 'text/event-stream', 'Last-Event-ID': String(after) };
        try {
            const signal = AbortSignal.any([stop, silence.signal]);
            const answer = await this.open('GET', '/sync/v1/events', { token, headers, signal });
            const decoder = new TextDecoder();
            let text = '';
            for await (const chunk of answer.body) {
                watch.refresh();
                text += decoder.decode(chunk, { stream: true });
                const blocks = text.split(/\r?\n\r?\n/);
                text = blocks.pop();
                for (const block of blocks) yield fields(block);
            }
        } finally {
            clearTimeout(watch);
        }
    }
}
