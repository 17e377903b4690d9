// Uploads files with tus-js-client as any third party would, over a line that may be cut at any byte.
// Told: {address, token, part_bytes, files: [{path, metadata}]}. Says: {addresses, failures, retries}.
import { readFile } from 'node:fs/promises';
import * as tus from 'tus-js-client';

const told = JSON.parse(process.argv[2]);
let failures = 0;
let retries = 0;

function upload(content, metadata) {
  return new Promise((done) => {
    const one = new tus.Upload(content, {
      endpoint: `${told.address}/files`,
      headers: { Authorization: `Bearer ${told.token}` },
      metadata,
      chunkSize: told.part_bytes,
      retryDelays: [0, 5, 10, 20],
      onShouldRetry: () => { retries += 1; return true; },
      onError: () => { failures += 1; setTimeout(() => one.start(), 5); },
      onSuccess: () => done(new URL(one.url).pathname),
    });
    one.start();
  });
}

const addresses = await Promise.all(told.files.map(async (file) => upload(await readFile(file.path), file.metadata)));
console.log(JSON.stringify({ addresses, failures, retries }));
process.exit(0);
