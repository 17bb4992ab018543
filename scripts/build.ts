/**
 * Builds dist/, which is what an installed Fairlead runs: the command line as CommonJS (it loads fastest), the processes
 * as ES modules. All files lie side by side, so that each finds the others as its sources do. Packages stay packages, but
 * for the few that the command line needs at its start.
 */
import { rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'rolldown';

const root = join(import.meta.dirname, '..');
/** dist/, or the folder given. */
const dist = resolve(process.argv[2] ?? join(root, 'dist'));
const builtIn = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));
/** Packages that are worth a place in the command line's bundle: small, and needed by verbs that should start at once. */
const bundled = [
  'commander',
  'yaml',
  'diff',
  'eventsource-parser',
  'fast-string-truncated-width',
  'fast-string-width',
  'fast-wrap-ansi',
  '@bomb.sh/tab',
];

const isPackage = (id: string): boolean => !id.startsWith('.') && !id.startsWith('/') && !/^[A-Za-z]:/.test(id);
const nameOf = (id: string): string =>
  id
    .split('/')
    .slice(0, id.startsWith('@') ? 2 : 1)
    .join('/');

/** The command line loads the supervisor as a file beside it: forking from inside a bundle would fork the command line. */
const supervisorApart: Plugin = {
  name: 'supervisor-apart',
  resolveId: (source) => (source === './supervisor.ts' ? { id: './supervisor.js', external: true } : null),
};

rmSync(dist, { recursive: true, force: true });
await build({
  input: { main: join(root, 'src/processes/main.ts') },
  platform: 'node',
  plugins: [supervisorApart],
  external: (id) => isPackage(id) && (builtIn.has(id) || !bundled.includes(nameOf(id))),
  output: { dir: dist, format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: 'cli-[name]-[hash].cjs', minify: false },
});
await build({
  input: {
    supervisor: join(root, 'src/processes/supervisor.ts'),
    controller: join(root, 'src/processes/controller.ts'),
    host: join(root, 'src/processes/host.ts'),
    worker: join(root, 'src/compiler/worker.ts'),
  },
  platform: 'node',
  external: (id) => isPackage(id),
  output: { dir: dist, format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'part-[name]-[hash].js', minify: false },
});
