/** How a change is to be written to its source, from the flags and from what the caller's own git says of them. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Writing } from '../ports/admin.ts';
import type { Person } from '../ports/source.ts';
import { usage } from './errors.ts';
import type { Terminal } from './terminal.ts';

/** The flags that every verb has which writes to a source. */
export interface WritingOptions {
  readonly message?: string;
  /** `Name <email>`. */
  readonly author?: string;
  readonly propose?: true;
  /** Name of the branch that is proposed. */
  readonly branch?: string;
}

/** As the controller takes it: with a plan it fits into what forges take of a pull request. */
const longestMessage = 5_000;

/** Throws Usage for flags that don't go together. */
export async function writingOf(terminal: Terminal, { message, author, propose, branch }: WritingOptions): Promise<Writing> {
  if (branch !== undefined && !propose) throw usage('--branch names the branch of a proposal.', 'add --propose, or leave --branch out');
  if (branch !== undefined) checkBranch(branch);
  if (message !== undefined && message.length > longestMessage)
    throw usage(`A message has at most 5,000 characters, and this one ${message.length}.`, 'say it shorter');
  if (message?.trim() === '') throw usage('The message is empty.', 'such as -m "Calls may take 90 seconds"');
  return {
    message: message ?? null,
    author: author === undefined ? await configuredAuthor(terminal) : personOf(author),
    propose: branch ?? propose ?? false,
  };
}

/** What is no name for another reason the source says. */
function checkBranch(branch: string): void {
  if (branch.trim() === '') throw usage('The branch has no name.', 'name it, or leave --branch out: it gets one by itself');
  if (branch.startsWith('refs/'))
    throw usage(`${branch} would be a branch of that whole name.`, `--branch ${branch.replace(/^refs\/(heads\/)?/, '')}`);
}

function personOf(text: string): Person {
  const person = parsePerson(text);
  if (person === null)
    throw usage(`${JSON.stringify(text)} names no author.`, 'write it as git does: --author "Ada Lovelace <ada@example.com>"');
  return person;
}

function parsePerson(text: string): Person | null {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  const found = /^\s*([^<>\u0000-\u001f]{1,100}?)\s*<([^<>\s\u0000-\u001f]{1,200})>\s*$/.exec(text);
  return found === null ? null : { name: found[1]!, email: found[2]! };
}

/** What git would put on a commit made here, by configuration or environment; null without git, or where it would have to guess. */
async function configuredAuthor({ cwd, env }: Terminal): Promise<Person | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['-c', 'user.useConfigOnly=true', 'var', 'GIT_AUTHOR_IDENT'], {
      cwd,
      env,
      timeout: 5_000,
    });
    // The time follows.
    return parsePerson(stdout.replace(/>[^>]*$/, '>'));
  } catch {
    return null;
  }
}
