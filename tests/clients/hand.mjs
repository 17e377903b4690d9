// The person who holds the phone of `phone.mjs`: does what is told on standard input, a line of JSON each.
// Told at the start: {path, server, limit, part_bytes, patience, haste}.
import { readFileSync } from 'node:fs';
import * as readline from 'node:readline';
import { Phone } from './phone.mjs';
import { Offline, Refused } from './phone_line.mjs';

const { path, part_bytes: partBytes, ...told } = JSON.parse(process.argv[2]);
const phone = new Phone(path, { partBytes, ...told });
const met = { offline: 0, refused: [] };

// As a person would: again and again, until it went through.
async function insist(action) {
    for (;;) {
        try {
            return await action();
        } catch (error) {
            if (error instanceof Refused) met.refused.push(`${error.status} ${error.code}`);
            if (!(error instanceof Offline)) throw error;
            met.offline += 1;
            await phone.line.wait(0.5);
        }
    }
}

async function once(action) {
    try {
        return { done: await action() };
    } catch (error) {
        if (error instanceof Offline) return { offline: error.message };
        if (error instanceof Refused) return { refused: error.code, status: error.status };
        throw error;
    }
}

async function news() {
    const stop = new AbortController();
    const listening = phone.listen(() => insist(() => phone.pull()).then(() => stop.abort()), stop.signal);
    await listening;
    return { until: phone.state.until };
}

const verbs = {
    enrol: ({ code }) => insist(() => phone.enrol(code, '周的手机')).then(() => ({ device: phone.state.device })),
    hello: () => insist(() => phone.hello()),
    do: ({ op, target, args, kind, more }) => phone.do(op, target, args, kind, more),
    edit: ({ kind, id, set }) => phone.edit(kind, id, set),
    attach: ({ record, name, file }) => ({ id: phone.attach(record, name, readFileSync(file)) }),
    sync: () => insist(async () => { while (!await phone.sync()); return {}; }),
    pull: () => insist(() => phone.pull()),
    try: () => once(() => phone.sync()),
    try_push: () => once(() => phone.push()),
    check: () => insist(() => phone.check()),
    lose: ({ key }) => { delete phone.state.rows[key]; phone.save(); return {}; },
    spoil: ({ cursor }) => { phone.state.cursor = cursor; phone.save(); return {}; },
    news,
    state: () => ({ ...phone.state, met, mustUpdate: phone.mustUpdate ?? null, carries: phone.limits.push_bytes_max }),
};
for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    console.log(JSON.stringify(await verbs[asked.do](asked) ?? null));
}
