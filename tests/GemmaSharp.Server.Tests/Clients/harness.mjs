// Runs cases that are asked for over standard input, one JSON object a line, and tells over standard output what came of them, in the same way.
//   in:  {"id":1,"client":"chat","case":"stream","url":"http://127.0.0.1:1234/","model":"…","key":"…","retries":0,"prompt":"…",…}
//   out: {"id":1,"status":200} for each response as it comes, and then {"id":1,"result":{…}} or {"id":1,"error":{…}}
import { createInterface } from 'node:readline';
import { inspect } from 'node:util';

// What clients print must not be taken for an answer.
const write = process.stdout.write.bind(process.stdout);
console.log = console.info = console.debug = console.error;
process.stdout.write = process.stderr.write.bind(process.stderr);
const tell = value => write(JSON.stringify(value) + '\n');

/** Reads calls until there are no more; as many run side by side as are asked for. */
export function serve(clients) {
  tell({ id: 0, result: { node: process.version } });
  createInterface({ input: process.stdin, crlfDelay: Infinity }).on('line', async line => {
    const call = JSON.parse(line);
    call.url = call.url.replace(/\/*$/, '/');
    const run = clients[call.client]?.[call.case];
    call.bytes = call.media ? Buffer.from(call.media, 'base64') : undefined;
    call.fetch = async (input, init) => {
      const response = await fetch(input, init);
      tell({ id: call.id, status: response.status });
      return response;
    };
    try {
      if (!run) {
        throw new Error(`There is no case ${call.case} of ${call.client}.`);
      }

      tell({ id: call.id, result: await run(call) });
    } catch (error) {
      tell({ id: call.id, error: described(error) });
    }
  }).on('close', () => process.exit(0));
}

/** Tries a stream that is aborted after some pieces, and says how its client saw the end. */
export async function aborted(stream, abort, isText = () => true) {
  let pieces = 0;
  try {
    for await (const piece of stream) {
      if (isText(piece) && ++pieces === 3) {
        await abort();
      }
    }
  } catch (error) {
    return { pieces, end: described(error).kinds[0] };
  }

  return { pieces, end: 'end' };
}

/** What a tool of the tests says. */
export const weather = ({ city }) => `It is 21 degrees in ${city}`;

export const described = error => ({
  kinds: kindsOf(error),
  status: error?.status ?? error?.statusCode ?? error?.status_code ?? error?.lastError?.statusCode ?? null,
  message: error?.message ?? String(error),
  more: inspect(error, { depth: 4 }).slice(0, 4000),
});

function kindsOf(error) {
  const kinds = error?.name && error.name !== 'Error' ? [error.name] : [];
  for (let kind = error; kind && kind !== Object.prototype; kind = Object.getPrototypeOf(kind)) {
    const name = Object.hasOwn(kind, 'constructor') ? kind.constructor.name : null;
    if (name && !kinds.includes(name)) {
      kinds.push(name);
    }
  }

  return kinds;
}
