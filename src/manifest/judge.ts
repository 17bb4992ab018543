/**
 * What a resolved spec may say by its schema and still must not, or had better not: packages without a version, shells
 * with parameters in them, paths out of the source, secrets in plain text, limits that nothing enforces yet.
 */
import { secretName, secretValue } from '../base/redact.ts';
import { isMap, valueAt, type Segment } from './place.ts';
import { leavesRoot } from './normalize.ts';
import type { Finding } from './schema.ts';

/** `spec`: resolved. `written`: merged, placeholders still in it. `params`: resolved values. All may be malformed. */
export function judge(spec: unknown, written: unknown, params: Readonly<Record<string, unknown>>): Finding[] {
  return [...judgeCommand(spec, written), ...judgeParams(params, written), ...judgeSecrets(spec), ...judgeLimits(spec)];
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

const shells = /^(ba|da|z|k|fi)?sh$|^(cmd|powershell|pwsh)(\.exe)?$/;

function judgeCommand(spec: unknown, written: unknown): Finding[] {
  const findings: Finding[] = [];
  const command = texts(valueAt(spec, ['run', 'command']));
  const args = texts(valueAt(spec, ['run', 'args']));
  const path: Segment[] = ['spec', 'run', 'command'];
  const program = (command[0] ?? '').replace(/^.*[\\/]/, '');
  if (command.length === 1 && args.length === 0 && /\s/.test(command[0]!.trim()) && !command[0]!.includes('/'))
    findings.push({
      code: 'ShellCommand',
      severity: 'error',
      message: 'The command is one word with spaces in it: no shell splits it.',
      path: [...path, 0],
      expected: 'the program and its arguments as separate entries',
      suggestion: `[${command[0]!.trim().split(/\s+/).join(', ')}]`,
    });
  const operator = [...command, ...args].find((word) => /^(&&|\|\||;|\||>|>>|<|2>&1)$/.test(word));
  if (operator !== undefined && !shells.test(program))
    findings.push({
      code: 'ShellCommand',
      severity: 'warning',
      message: `\`${operator}\` is passed to the program as it stands: no shell reads it.`,
      path,
      expected: 'one program and its arguments',
    });
  const writtenWords = [...texts(valueAt(written, ['run', 'command'])), ...texts(valueAt(written, ['run', 'args']))];
  if (shells.test(program) && writtenWords.some((word) => /(?<!\$)\$\{params\./.test(word) && !/^\$\{params\.[^}]*\}$/.test(word)))
    findings.push({
      code: 'ShellInterpolation',
      severity: 'error',
      message: 'A parameter stands inside a shell script: its value could become a command.',
      path,
      expected: 'the program itself as the command, or the parameter as an argument of its own ("$1")',
    });
  const unpinned = unpinnedPackage([...command, ...args]);
  if (unpinned !== null)
    findings.push({
      code: 'UnpinnedPackage',
      severity: 'error',
      message: `\`${unpinned}\` has no exact version: what runs would change without a commit.`,
      path: command.includes(unpinned)
        ? [...path, command.indexOf(unpinned)]
        : ['spec', 'run', 'args', Math.max(args.indexOf(unpinned), 0)],
      expected: 'an exact version, or the installed program itself',
      suggestion: `${unpinned.replace(/@(latest|next|[\^~><=].*|[0-9x*.]+)$/, '')}@1.2.3`,
    });
  return findings;
}

/** The package that a launcher (npx, bunx, pnpm dlx, yarn dlx, npm exec, uvx, pipx run) would fetch without an exact version. */
function unpinnedPackage(argv: readonly string[]): string | null {
  const latest = argv.find((word) => /^(@[\w.-]+\/)?[\w.-]+@latest$/.test(word));
  if (latest !== undefined) return latest;
  const [program = '', ...rest] = argv;
  const launcher = program.replace(/^.*[\\/]/, '').replace(/\.(cmd|exe)$/, '');
  const subcommand = rest[0] ?? '';
  if (launcher === 'npx' || launcher === 'bunx') return firstUnpinned(rest, /^(-p|--package)$/);
  if ((launcher === 'pnpm' || launcher === 'yarn') && subcommand === 'dlx') return firstUnpinned(rest.slice(1), /^(-p|--package)$/);
  if (launcher === 'npm' && (subcommand === 'exec' || subcommand === 'x')) return firstUnpinned(rest.slice(1), /^(-p|--package)$/);
  if (launcher === 'uvx') return firstUnpinned(rest, /^--from$/);
  if (launcher === 'pipx' && subcommand === 'run') return firstUnpinned(rest.slice(1), /^--spec$/);
  return null;
}

function firstUnpinned(words: readonly string[], packageOption: RegExp): string | null {
  if (words.some((word) => word === '--no-install' || word === '--no' || word === '--offline')) return null;
  const named: string[] = [];
  for (const [index, word] of words.entries()) {
    if (packageOption.test(word) && words[index + 1] !== undefined) named.push(words[index + 1]!);
    const [option, value] = word.split(/=(.*)/s, 2);
    if (value !== undefined && packageOption.test(option!)) named.push(value);
  }
  if (named.length === 0) {
    const first = words.find((word) => !word.startsWith('-'));
    if (first !== undefined) named.push(first);
  }
  return named.find((name) => !/^(\.{0,2}\/|file:)/.test(name) && !/(@|==)v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+.][\w.+-]+)?$/.test(name)) ?? null;
}

function judgeParams(params: Readonly<Record<string, unknown>>, written: unknown): Finding[] {
  const findings: Finding[] = [];
  const argumentWords = [...texts(valueAt(written, ['run', 'command'])), ...texts(valueAt(written, ['run', 'args']))];
  for (const [name, value] of Object.entries(params)) {
    for (const text of typeof value === 'string' ? [value] : texts(value)) {
      if (text.includes('..') && (leavesRoot(text) || /(^|[=:,;\s])(\.\.[\\/])/.test(text)))
        findings.push({
          code: 'PathOutsideSource',
          severity: 'error',
          message: `The parameter \`${name}\` leads out of the folder of manifests by \`..\`.`,
          path: ['spec', 'params', name],
          expected: 'a path inside it',
        });
      if (
        text.startsWith('-') &&
        !/^-[0-9.]+$/.test(text) &&
        argumentWords.some((word) => word.replaceAll(' ', '') === `\${params.${name}}`)
      )
        findings.push({
          code: 'OptionInjection',
          severity: 'error',
          message: `The parameter \`${name}\` is an argument of its own and begins with a dash: the program would read it as an option.`,
          path: ['spec', 'params', name],
          expected: 'a value that does not begin with a dash; options belong in `run.args`',
        });
    }
  }
  return findings;
}

/** True when a value of that name had better not be shown. */
export function looksSecret(name: string, value: string): boolean {
  return (
    value !== '' &&
    !value.includes('${') &&
    !/^(true|false|none|[0-9]{1,4}|\/[\w./-]*)$/.test(value) &&
    (secretName.test(name) || secretValue.test(value))
  );
}

function judgeSecrets(spec: unknown): Finding[] {
  const findings: Finding[] = [];
  const found = (path: readonly Segment[]) =>
    findings.push({
      code: 'LiteralSecret',
      severity: 'warning',
      message: `\`${path.slice(1).join('.')}\` looks like a secret in plain text (****): everybody who reads the manifests can read it.`,
      path,
      expected: 'no secret here; let the service read it from a file outside the repository',
    });
  for (const place of ['env', 'headers']) {
    const values = valueAt(spec, ['run', place]);
    if (isMap(values))
      for (const [name, value] of Object.entries(values))
        if (typeof value === 'string' && looksSecret(name, value)) found(['spec', 'run', place, name]);
  }
  for (const place of ['command', 'args'])
    for (const [index, word] of texts(valueAt(spec, ['run', place])).entries())
      if (secretValue.test(word)) found(['spec', 'run', place, index]);
  return findings;
}

function judgeLimits(spec: unknown): Finding[] {
  const findings: Finding[] = [];
  const limits = valueAt(spec, ['limits']);
  if (!isMap(limits)) return findings;
  for (const name of ['memory', 'cpu', 'pids'])
    if (Object.hasOwn(limits, name))
      findings.push({
        code: 'NotEnforcedYet',
        severity: 'warning',
        message: `\`limits.${name}\` is known, but nothing enforces it for processes yet.`,
        path: ['spec', 'limits', name],
        atKey: true,
      });
  return findings;
}
