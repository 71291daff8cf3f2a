import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { type FunctionServer, type Language, startServer } from './testing/function-server.ts';

interface Member {
  readonly path: string;
  readonly text?: string;
  /** tarfile's name of the type. */
  readonly type?: 'REGTYPE' | 'SYMTYPE' | 'LNKTYPE' | 'CHRTYPE' | 'DIRTYPE';
  readonly link?: string;
}

const writer = `
import io, json, sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|gz", format=tarfile.PAX_FORMAT) as archive:
    for member in json.load(sys.stdin):
        info = tarfile.TarInfo(member["path"])
        data = member.get("text", "").encode()
        info.size, info.type = len(data), getattr(tarfile, member.get("type", "REGTYPE"))
        info.linkname = member.get("link", "")
        archive.addfile(info, io.BytesIO(data))
`;

/** A tar.gz made by Python, in `count` chunks as a package is mounted. */
function packageFiles(members: readonly Member[], count = 1): Record<string, Uint8Array> {
  const packed = execFileSync('python3', ['-c', writer], { input: JSON.stringify(members) });
  const size = Math.ceil(packed.length / count);
  const chunks = Array.from({ length: count }, (_, index) => [
    `.nought-package/${String(index).padStart(3, '0')}`,
    packed.subarray(index * size, (index + 1) * size),
  ]);
  return Object.fromEntries(chunks) as Record<string, Uint8Array>;
}

const deep = `${'long-folder-name/'.repeat(8)}é`;
const samples: Record<
  Language,
  { readonly handler: string; readonly good: readonly Member[]; readonly broken: string }
> = {
  node: {
    handler: 'index.mjs',
    good: [
      {
        path: 'index.mjs',
        text: `import { twice } from "./lib/twice.js"; import plus from "plus"; import deep from "./${deep}.js";
export default ({ x }) => plus(twice(x), deep);`,
      },
      { path: 'lib/twice.js', text: 'export const twice = (x) => 2 * x;' },
      { path: `${deep}.js`, text: 'export default 100;' },
      { path: 'node_modules', type: 'DIRTYPE' },
      { path: 'node_modules/plus/package.json', text: '{"main":"plus.js"}' },
      { path: 'node_modules/plus/plus.js', text: 'module.exports = (a, b) => a + b;' },
      { path: 'node_modules/.bin/plus', type: 'SYMTYPE', link: '../plus/plus.js' },
    ],
    broken: 'export default () => 1;\nconst x = = 2;\n',
  },
  python: {
    handler: 'main.py',
    good: [
      {
        path: 'main.py',
        text: `import os
from lib.twice import twice
from plus import plus
deep = int(open(os.path.join(os.path.dirname(__file__), "${deep}.txt")).read())
def handler(event): return plus(twice(event["x"]), deep)`,
      },
      { path: 'lib/twice.py', text: 'def twice(x): return 2 * x' },
      { path: `${deep}.txt`, text: '100' },
      { path: 'plus', type: 'DIRTYPE' },
      { path: 'plus/__init__.py', text: 'from .add import plus' },
      { path: 'plus/add.py', text: 'def plus(a, b): return a + b' },
      { path: 'bin/add', type: 'SYMTYPE', link: '../plus/add.py' },
    ],
    broken: 'def handler(event): return 1\nx = = 2\n',
  },
};

const hostile: Readonly<Record<string, readonly [...(readonly Member[]), Member]>> = {
  'an absolute path': [{ path: '/tmp/nought-escape' }],
  'a path with ".."': [{ path: 'a/../../escape' }],
  'a link to an absolute path': [{ path: 'a', type: 'SYMTYPE', link: '/etc/passwd' }],
  'a link out of the package': [{ path: 'a/b', type: 'SYMTYPE', link: '../../escape' }],
  'a link that turns back behind another': [
    { path: 'a/b/c', type: 'SYMTYPE', link: '../..' },
    { path: 'd', type: 'SYMTYPE', link: 'a/b/c/../escape' },
  ],
  'a link below a link': [
    { path: 'a', type: 'SYMTYPE', link: 'b' },
    { path: 'a/c', type: 'SYMTYPE', link: 'd' },
  ],
  'a hard link': [{ path: 'a', type: 'LNKTYPE', link: 'index.mjs' }],
  'a device': [{ path: 'a', type: 'CHRTYPE' }],
};

interface LoadError {
  readonly kind: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
}

async function loadError(server: FunctionServer): Promise<LoadError> {
  assert.equal(await server.ready, false);
  assert.equal(await server.exited, 1);
  return server.terminationMessage() as LoadError;
}

for (const language of ['node', 'python'] as const) {
  const { handler, good, broken } = samples[language];
  const start = (files: Record<string, Uint8Array>): Promise<FunctionServer> =>
    startServer({ language, files, handler });

  describe(`a package in the ${language} function server`, { concurrency: 2 }, () => {
    test('is put together from its chunks and loads nested files and dependencies', async () => {
      await using server = await start(packageFiles(good, 3));
      assert.equal(await (await server.call({ x: 21 })).text(), '142');
    });

    test('tells file and line of a load error as they are in the folder', async () => {
      await using server = await start(packageFiles([{ path: handler, text: broken }]));
      const { kind, file, line } = await loadError(server);
      assert.deepEqual({ kind, file, line }, { kind: 'LoadError', file: handler, line: 2 });
    });

    test('is refused when it is cut off', async () => {
      const { '.nought-package/000': first = Buffer.alloc(0) } = packageFiles(good, 2);
      await using server = await start({ '.nought-package/000': first });
      const { kind, message } = await loadError(server);
      assert.equal(kind, 'LoadError');
      assert.match(message, /^Cannot unpack the package: /);
    });

    for (const [what, members] of Object.entries(hostile)) {
      test(`is refused with ${what}`, async () => {
        await using server = await start(packageFiles([...good, ...members]));
        const { kind, message } = await loadError(server);
        assert.equal(kind, 'LoadError');
        assert.match(
          message,
          /^Cannot unpack the package: .*(not allowed|outside|below a link|neither a file)/,
        );
      });
    }
  });
}
