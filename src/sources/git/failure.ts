/** What a failed git command means, in words for people. No secret comes through: those that were used are blotted out, whatever form they have. */
import { FairleadError } from '../../base/error.ts';
import { blot, redact } from '../../base/redact.ts';
import { formatDuration } from '../../base/duration.ts';
import { GitFailed } from './git.ts';
import type { Remote } from './environment.ts';

/** git's own: what a server says of itself begins with `remote: `. */
const outOfMemory = /^fatal: Out of memory/im;
const brokenOff = /timed out|Operation too slow|Connection (to .* )?closed|early EOF|hung up|Connection reset|RPC failed/i;
const damage =
  /fsck|index-pack|unpack-objects|inflate|corrupt|bad object|bad pack|missing (blob|tree|commit)|did not send all necessary|\.lock'/;

const refusedLogin = 'HOST refused the credentials';
const noGit = 'there is no `git` on this machine';

/** stderr of git 2.x (LC_ALL=C) and ssh → what to do about it. The first that fits counts. `HOST` is filled in. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [outOfMemory, 'HOST sent more than git may hold in memory'],
  [/Host key verification failed/, 'the key of HOST is not in knownHostsFile'],
  [/Permission denied \(/, 'HOST refused the key'],
  [/could not read (Username|Password)|Authentication failed|returned error: 401/, refusedLogin],
  [/returned error: 403/, 'HOST does not allow it with these credentials'],
  [
    /returned error: 404|repository '[^']*' not found|does not appear to be a git repository|not a git repository/i,
    'there is no such repository on HOST, or it is not shown to these credentials',
  ],
  [/returned error: 429/, 'HOST has had too many requests'],
  [/returned error: (5\d\d)/, 'HOST has a problem of its own'],
  [/Could not resolve host(name)?/i, 'the name HOST is not known'],
  [/Connection refused|Failed to connect|Couldn't connect/i, 'HOST does not accept connections'],
  [/redirection|returned error: 30\d/, 'HOST sends to another address, which is not followed; write that one in `url`'],
  [/SSL certificate problem|certificate verif|server certificate/i, 'the certificate of HOST is not trusted'],
  [brokenOff, 'the exchange with HOST broke off'],
  [/dubious ownership/, 'HOST belongs to another user of this machine'],
  [/transport '[^']*' not allowed/, 'that transport is not allowed'],
  [/No space left on device/, 'the disk is full'],
  [/prlimit ENOENT/, 'there is no `prlimit` (util-linux) on this machine'],
  [/ENOENT|failed to execute git/, noGit],
  [/fsck error/, 'what HOST sent is built to mislead, or broken'],
  [damage, 'objects that HOST sent are missing or broken'],
];

/** What servers and git say where credentials are good for reading at most. */
const noRight =
  /returned error: 40[13]|Authentication failed|could not read (Username|Password)|[Pp]ermission (to .* )?denied|^(remote: )?ERROR: |access denied|not allowed/m;

/** Whether objects are missing or broken, on the server or in the mirror. */
export function isDamage(thrown: unknown): boolean {
  return thrown instanceof GitFailed && damage.test(thrown.words) && !brokenOff.test(thrown.words) && !outOfMemory.test(thrown.words);
}

/** Whether the program itself is missing. */
export function isWithoutGit(thrown: GitFailed): boolean {
  return /spawn git ENOENT|failed to execute git/.test(thrown.words);
}

/** One clause: why git failed in the mirror that lies in `folder`. */
export function explainMirrorFailure(thrown: GitFailed, folder: string): string {
  if (isWithoutGit(thrown)) return `${noGit}, or it is not on PATH`;
  const said = saidBy(thrown, { login: null });
  return `its mirror in ${folder} cannot be used: ${thrown.message}${said === '' ? '' : ` (${said})`}`;
}

/** One clause, without a full stop: why the exchange with the remote failed. */
export function explainFailure(thrown: unknown, remote: Remote): string {
  const { host } = remote.address;
  if (!(thrown instanceof GitFailed)) return blotted(thrown instanceof Error ? thrown.message : String(thrown), remote);
  if (thrown.ended === 'time') return `${host} did not answer within ${formatDuration(remote.timeoutMs)}`;
  if (thrown.ended === 'size') return `${host} sent more than was asked for`;
  const meaning = meanings.find(([words]) => words.test(thrown.words))?.[1];
  const said = saidBy(thrown, remote);
  if (meaning === undefined) return said;
  const means =
    meaning === refusedLogin && remote.login === null ? 'HOST wants credentials, and this source has none (`credentials`)' : meaning;
  // That git would have asked a person, had there been one, says nothing more.
  return `${means.replace('HOST', host)}${said === '' || said.startsWith('could not read ') ? '' : ` (${said})`}`;
}

/** What a failed push says of the branch: it was elsewhere; it may not be moved; or nothing that can be relied on. */
export function pushVerdict(thrown: unknown): 'moved' | 'refused' | 'unknown' {
  if (!(thrown instanceof GitFailed) || thrown.ended !== null) return 'unknown';
  const { words } = thrown;
  // Each line of a server's own begins with `remote: `, so that it cannot pass for one of these.
  if (/^ ! \[rejected\]/m.test(words)) return 'moved';
  if (/^ ! \[remote rejected\]/m.test(words)) return 'refused';
  return noRight.test(words) && !brokenOff.test(words) ? 'refused' : 'unknown';
}

/** What the server said when it refused a push: its reason, and what its hooks wrote. A clause. */
export function explainRefusal(thrown: unknown, remote: Remote): string {
  const words = thrown instanceof GitFailed ? thrown.words : '';
  const reason = /^ ! \[remote rejected\] .*? \((.*)\)$/m.exec(words)?.[1];
  if (reason === undefined) return explainFailure(thrown, remote);
  const told = [...words.matchAll(/^remote: (.*)$/gm)].map(([, line]) => line!.trim()).filter((line) => line !== '');
  return shown([reason, ...(told.length === 0 ? [] : [told.join(' ')])].join(': '), remote, 600);
}

/** The line of git's that says most, fit to be shown: what a server says in it is anybody's text. */
function saidBy({ words }: GitFailed, remote: Pick<Remote, 'login'>): string {
  const lines = words.split('\n').map((line) => line.trim());
  const line = lines.find((candidate) => /^(fatal|error|remote): /.test(candidate)) ?? lines.find((candidate) => candidate !== '') ?? '';
  return shown(line.replace(/^(fatal|error): /, ''), remote, 300);
}

/** Cut last: half a secret is not known for one. */
function shown(text: string, remote: Pick<Remote, 'login'>, length: number): string {
  return blotted(text.slice(0, 4_000), remote)
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '\ufffd')
    .slice(0, length);
}

function blotted(text: string, { login }: Pick<Remote, 'login'>): string {
  let shown = text;
  if (login !== null && 'password' in login && login.password !== '')
    for (const form of [
      login.password,
      encodeURIComponent(login.password),
      basic(login.username, login.password),
      basic('', login.password),
    ])
      shown = shown.replaceAll(form, blot);
  return redact(shown);
}

function basic(username: string, password: string): string {
  return Buffer.from(username === '' ? password : `${username}:${password}`).toString('base64');
}

/** What is not done, and what to do instead. */
export function refusal(message: string, next: string): FairleadError {
  return new FairleadError('Refused', message, { data: { next } });
}
