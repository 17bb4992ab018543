/**
 * The environment that git runs in: built from empty, so that nobody's configuration, hooks, helpers or aliases take part.
 * Secrets go by it and by nothing else: never in arguments, never in a file.
 */
import { delimiter, dirname } from 'node:path';
import type { Address } from '../../manifest/git-address.ts';

/** What git may ask the network with; null: it may not ask at all, as when it reads what it has. */
export interface Remote {
  readonly address: Address;
  readonly login: Login | null;
  /** Bounds what git's own helpers wait for, should git end before them. */
  readonly timeoutMs: number;
}

/** Credentials with their secrets filled in. */
export type Login =
  | { readonly username: string; readonly password: string }
  | { readonly sshKeyFile: string; readonly knownHostsFile: string };

/** Of the process's own environment: how the machine reaches the network and whom it trusts. */
const passedOn = ['HTTPS_PROXY', 'https_proxy', 'http_proxy', 'NO_PROXY', 'no_proxy', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO'];

const alwaysSet: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.logAllRefUpdates', 'false'],
  ['safe.bareRepository', 'explicit'],
  // What comes in is looked through for what breaks or tricks those who read it.
  ['transfer.fsckObjects', 'true'],
  ['fetch.recurseSubmodules', 'false'],
  // Into a pack always, whose length can be watched while it grows.
  ['fetch.unpackLimit', '1'],
  // Old objects go at once, and git does not return before they have.
  ['gc.autoDetach', 'false'],
  ['gc.pruneExpire', 'now'],
  // They want every object to be here, which it is not where blobs were left out.
  ['repack.writeBitmaps', 'false'],
  // A token must not follow a redirect to somewhere else.
  ['http.followRedirects', 'false'],
];

/** `gitDir`: the bare repository, or null outside one. `more`: configuration for this one command. */
export function gitEnvironment(
  gitDir: string | null,
  remote: Remote | null,
  more: readonly (readonly [string, string])[] = [],
  own: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const env: Record<string, string> = {
    // git finds its helpers by itself; ssh, gpg and ssh-keygen are looked for as the machine has them.
    PATH: own['PATH'] ?? ['/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
    HOME: gitDir === null ? '/nonexistent' : dirname(gitDir),
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_ALLOW_PROTOCOL: remote === null ? 'none' : remote.address.protocol,
  };
  if (gitDir !== null) env['GIT_DIR'] = gitDir;
  for (const name of passedOn) if (own[name] !== undefined && remote !== null) env[name] = own[name];
  const config = [...alwaysSet, ...more];
  if (remote !== null) {
    config.push(['remote.origin.url', remote.address.url], ...httpConfig(remote));
    if (remote.address.protocol === 'ssh') env['GIT_SSH_COMMAND'] = sshCommand(remote);
  }
  env['GIT_CONFIG_COUNT'] = String(config.length);
  for (const [index, [key, value]] of config.entries()) {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return env;
}

function httpConfig({ address, login, timeoutMs }: Remote): [string, string][] {
  if (address.protocol !== 'https' && address.protocol !== 'http') return [];
  const config: [string, string][] = [
    ['http.lowSpeedLimit', '1'],
    ['http.lowSpeedTime', String(Math.max(1, Math.ceil(timeoutMs / 1_000)))],
  ];
  if (login !== null && 'password' in login) {
    const basic = Buffer.from(`${login.username}:${login.password}`).toString('base64');
    config.push([`http.${address.url}.extraHeader`, `Authorization: Basic ${basic}`]);
  }
  return config;
}

/** The one command line that git gives to a shell, so each part is quoted. Nothing is asked, learnt, forwarded or read from a user's files. */
function sshCommand({ login, timeoutMs }: Remote): string {
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1_000));
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'GlobalKnownHostsFile=/dev/null',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    `ConnectTimeout=${seconds}`,
    `ServerAliveInterval=${seconds}`,
    'ServerAliveCountMax=1',
  ];
  if (login !== null && 'sshKeyFile' in login)
    options.push(`IdentityFile=${escaped(login.sshKeyFile)}`, `UserKnownHostsFile=${escaped(login.knownHostsFile)}`);
  return ['ssh', '-F', '/dev/null', ...options.flatMap((option) => ['-o', option])].map(quoted).join(' ');
}

/** For ssh's own reading of an option: `%` begins a token there, and spaces part file names. */
function escaped(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
