/**
 * `npm run check`: everything that must hold before a commit, in order of how fast it answers, stopping at the first that fails.
 * `--list` prints the steps; names of steps as arguments run those alone. It must not change a file.
 */
import { spawnSync } from 'node:child_process';

/** The folders that hold code; linting by explicit paths keeps node_modules out. */
const code = ['src', 'test', 'scripts', 'bench'];

/** Name → what is run from node_modules/.bin, and what to do when it fails. */
const steps: readonly { readonly name: string; readonly command: readonly string[]; readonly hint: string }[] = [
  { name: 'format', command: ['oxfmt', '--check', ...code], hint: 'npm run format' },
  { name: 'lint', command: ['oxlint', '--deny-warnings', ...code], hint: 'see the rule in .oxlintrc.json' },
  { name: 'types', command: ['tsc', '-p', '.'], hint: 'npx tsc -p .' },
  { name: 'architecture', command: ['vitest', 'run', '--reporter=dot', 'test/architecture'], hint: 'see ARCHITECTURE.md, Floors' },
  { name: 'docs', command: ['vitest', 'run', '--reporter=dot', 'test/docs'], hint: 'npm run docs' },
  { name: 'unused', command: ['knip', '--treat-config-hints-as-errors'], hint: 'delete what nothing uses' },
  { name: 'tests', command: ['vitest', 'run', '--reporter=dot'], hint: 'npx vitest run test/<folder>' },
];

const asked = process.argv.slice(2);
if (asked.includes('--list')) {
  for (const { name, command } of steps) console.log(`${name.padEnd(14)}${command.join(' ')}`);
  process.exit(0);
}
const unknown = asked.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(', ')}; there are ${steps.map((step) => step.name).join(', ')}`);
  process.exit(2);
}

const done: string[] = [];
for (const { name, command, hint } of steps) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const startedAt = performance.now();
  const { status, stdout, stderr } = spawnSync(`node_modules/.bin/${command[0]}`, command.slice(1), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (status !== 0) {
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    console.log(`\n${done.map((line) => `ok    ${line}\n`).join('')}FAIL  ${name} (${seconds} s): ${command.join(' ')}\n      ${hint}`);
    process.exit(1);
  }
  done.push(`${name} (${seconds} s)`);
  console.log(`ok    ${done.at(-1)}`);
}
console.log(`${done.length} passed, 0 failed`);
