/**
 * How a process is launched: `${instance.*}` filled in, the executable found before anything is started, an environment
 * built from empty, and the sandbox's tools in front. The tools exec one another, so the pid stays the service's own.
 */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { FairleadError } from '../base/error.ts';
import type { ProcessRun } from '../model/revision.ts';
import { markerName } from './proc.ts';

export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What `${instance.id}`, `${instance.port}` and `${instance.dir}` stand for. */
export interface InstanceFacts {
  readonly id: string;
  readonly port: number | null;
  readonly dir: string;
  readonly marker: string;
}

/** Most files that a sandboxed service may have open, unless the host itself may have fewer. */
const maxOpenFiles = 16_384;

const usualPath = '/usr/local/bin:/usr/bin:/bin';

/** Whether a run spec asks for the Instance's own folder. */
export function usesDir(run: ProcessRun): boolean {
  return [run.cwd, ...run.command, ...Object.values(run.env)].some((text) => text.includes('${instance.dir}'));
}

/**
 * Throws CommandNotFound with every place that was looked at, StartFailed when cwd is no folder, SandboxUnavailable when
 * the declared sandbox cannot be had here: never silently weaker.
 */
export function launchOf(run: ProcessRun, facts: InstanceFacts, hostEnv: NodeJS.ProcessEnv = process.env): Launch {
  const fill = (text: string): string =>
    text.replace(/\$\{instance\.(id|port|dir)\}/g, (_, name: 'id' | 'port' | 'dir') => String(facts[name] ?? ''));
  const env = environmentOf(hostEnv, facts.marker, Object.fromEntries(Object.entries(run.env).map(([name, value]) => [name, fill(value)])));
  const cwd = fill(run.cwd);
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) throw new FairleadError('StartFailed', `run.cwd ${cwd} is not a folder.`);
  const [command = '', ...args] = run.command.map(fill);
  const file = findExecutable(command, cwd, env['PATH']!);
  if (run.sandbox === 'none') return { file, args, cwd, env };
  return { ...sandboxed(file, args, hostEnv['PATH'] ?? usualPath), cwd, env };
}

/**
 * PATH, HOME, LANG and TMPDIR as the host has them, what the manifest declares, the marker; nothing else of the host's
 * environment. The folder of the Node that runs Fairlead stands first in PATH, so that `node` is one that is new enough.
 */
function environmentOf(hostEnv: NodeJS.ProcessEnv, marker: string, declared: Readonly<Record<string, string>>): Record<string, string> {
  return {
    PATH: [dirname(process.execPath), hostEnv['PATH'] ?? usualPath].join(delimiter),
    HOME: hostEnv['HOME'] ?? homedir(),
    LANG: hostEnv['LANG'] ?? 'C.UTF-8',
    TMPDIR: hostEnv['TMPDIR'] ?? tmpdir(),
    ...declared,
    [markerName]: marker,
  };
}

function findExecutable(command: string, cwd: string, path: string): string {
  const candidates = command.includes('/')
    ? [resolve(cwd, command)]
    : path
        .split(delimiter)
        .filter((folder) => isAbsolute(folder))
        .map((folder) => join(folder, command));
  const there = candidates.filter((candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile() === true);
  const found = there.find(isExecutable);
  if (found !== undefined && command !== '') return found;
  const folder = candidates.length === 1 && statSync(candidates[0]!, { throwIfNoEntry: false })?.isDirectory() === true;
  const message = folder
    ? `${candidates[0]} is a folder, not a program.`
    : there.length > 0
      ? `${there[0]} may not be executed (chmod +x).`
      : command.includes('/')
        ? `There is no ${candidates[0]}.`
        : `There is no ${JSON.stringify(command)} in PATH (${path}).`;
  throw new FairleadError('CommandNotFound', message, { data: { command, lookedAt: candidates } });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `setpriv --no-new-privs prlimit … file args`: no setuid gains, no core dumps, a bound on open files. */
function sandboxed(file: string, args: readonly string[], path: string): { file: string; args: string[] } {
  const [setpriv, prlimit] = ['setpriv', 'prlimit'].map((tool) => {
    try {
      return findExecutable(tool, '/', path);
    } catch {
      throw new FairleadError('SandboxUnavailable', `There is no ${tool} here, which \`sandbox: basic\` needs.`, { data: { tool } });
    }
  });
  return { file: setpriv!, args: ['--no-new-privs', prlimit!, '--core=0', `--nofile=${openFilesLimit()}`, file, ...args] };
}

/** A hard limit can only be lowered; asking for more than the host has would fail. */
function openFilesLimit(): number {
  try {
    const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return hard === undefined ? maxOpenFiles : Math.min(maxOpenFiles, Number(hard));
  } catch {
    return maxOpenFiles;
  }
}
