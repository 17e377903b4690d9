// An app built on RxDB with its storage in memory. It replicates with the code of docs/sync.md, and obeys one line of JSON at
// a time: {do: "edit", kind, id, set} · {do: "holds", kind, documents, seconds} · {do: "settled"}
// · {do: "online"}, as a browser says it · {do: "counts"}.
import { webcrypto } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import * as readline from 'node:readline';
import { createRxDatabase } from 'rxdb/plugins/core';
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory';
import { replicate } from 'qifang-page/replicate.mjs';

globalThis.crypto ??= webcrypto; // node 18

const told = JSON.parse(process.argv[2]);
const schema = {
    version: 0,
    primaryKey: 'id',
    type: 'object',
    properties: { id: { type: 'string', maxLength: 40 }, v: { type: 'integer' } },
    required: ['id']
};
const counts = { errors: 0, conflicts: 0, codes: {} };
const database = await createRxDatabase({ name: 'app', storage: getRxStorageMemory(), multiInstance: false });
await database.addCollections(Object.fromEntries(told.kinds.map(kind => [kind, { schema }])));
const replications = told.kinds.map(kind => {
    const { server, token, limit } = told;
    const edits = kind === 'enterprise';
    const patience = 3000; // node's fetch may wait for ever when it is hung up on at once
    const replication = replicate(database[kind], { server, token, kind, limit, edits, patience, retryTime: 30 });
    replication.error$.subscribe(error => {
        counts.errors += 1;
        const code = error.parameters?.errors?.[0]?.code ?? 'none';
        counts.codes[code] = (counts.codes[code] ?? 0) + 1;
    });
    replication.conflict$.subscribe(() => { counts.conflicts += 1; });
    return replication;
});

// The first difference between what the collection holds and what it should; undefined when it is the same.
function difference(held, expected) {
    const wanted = new Map(expected.map(one => [one.id, one]));
    for (const one of held) if (!wanted.has(one.id)) return { id: one.id, held: 'too much' };
    if (held.length < wanted.size) return { missing: wanted.size - held.length };
    for (const one of held) {
        for (const [name, value] of Object.entries(wanted.get(one.id))) {
            if (!isDeepStrictEqual(one[name], value)) return { id: one.id, name, held: one[name], wanted: value };
        }
    }
}

function holds({ kind, documents, seconds }) {
    return new Promise(resolve => {
        let last = 'nothing came';
        const timer = setTimeout(() => finish({ difference: last, counts }), seconds * 1000);
        const watching = database[kind].find().$.subscribe(found => {
            last = difference(found.map(one => one.toJSON()), documents);
            if (last === undefined) queueMicrotask(() => finish({}));
        });
        function finish(answer) {
            clearTimeout(timer);
            watching.unsubscribe();
            resolve(answer);
        }
    });
}

async function edit({ kind, id, set }) {
    const found = await database[kind].findOne(id).exec();
    if (found !== null) await found.incrementalPatch(set);
    return { edited: found !== null };
}

async function settled() {
    await Promise.all(replications.map(one => one.awaitInSync()));
    return {};
}

function online() {
    replications.forEach(one => one.reSync());
    return {};
}

const verbs = { holds, edit, settled, online, counts: () => counts };
for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    console.log(JSON.stringify(await verbs[asked.do](asked)));
}
