/** Flags that several verbs have, and how what is given with them is read. */
import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import { parseDuration } from '../base/duration.ts';
import { address } from './address.ts';

export const output = (...choices: string[]): Option => new Option('-o, --output <format>', 'how to print it').choices(choices);
export const withInput = (command: Command): Command =>
  command
    .option('-f, --filename <path...>', 'manifests: files, folders, or - for stdin')
    .option('--prune', 'also delete every service of the source that these manifests do not declare')
    .option('--source <name>', 'the source they are for, where there are several and it is not clear');
export const withRefs = (command: Command): Command =>
  command
    .option('--from <ref>', 'compare this commit, branch or tag of the local repository (where --to left the default branch of origin) …')
    .option('--to <ref>', '… with this one, or WORKTREE, the files as they are; needs no controller (WORKTREE)')
    .option('--repo <path>', 'the repository, where that is not the folder you are in')
    .option('--path <dir...>', 'only manifests under these folders of the repository, as the git source names them');
export const withWait = (command: Command): Command =>
  command
    .option('--wait', 'follow every service that changes to its end; exit 1 when one is not taken, overtaken or suspended')
    .option('--timeout <duration>', 'how long to wait at most; exit 5 after that (5m)', duration);
/** How a change is written to a source that keeps history. */
export const withWriting = (command: Command): Command =>
  command
    .option('-m, --message <text>', 'what the commit says (words that say what changes); a folder source keeps no history')
    .option('--author <author>', 'whose change it is, as "Name <email>" (what git is configured to say here)')
    .option('--propose', 'push a branch for somebody to merge, and open the pull request where the source has a token for it')
    .option('--branch <name>', 'the name of that branch (fairlead/…)');

/** A kind of thing; one that is written in the singular, or the plural, is meant all the same. */
export function kind(description: string, kinds: readonly string[]): Argument {
  const bare = (text: string): string => text.replace(/s$/, '');
  return new Argument('<kind>', description).choices(kinds).argParser((text: string) => {
    const meant = kinds.find((candidate) => bare(candidate) === bare(text));
    if (meant === undefined) throw new InvalidArgumentError(`Allowed choices are ${kinds.join(', ')}.`);
    return meant;
  });
}

export function listener(text: string): { host: string; port: number } {
  const parsed = address(text);
  if (parsed === null) throw new InvalidArgumentError('It must be HOST:PORT, such as 127.0.0.1:7400.');
  return parsed;
}

/** A duration flag in ms. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('It must be a duration with a unit, such as 90s or 5m.');
  return ms;
}

export function truth(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('It must be true or false.');
  return text === 'true';
}

export function positive(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}

export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
