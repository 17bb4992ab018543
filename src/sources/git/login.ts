/** From credentials by reference to a login with its secrets filled in. Read anew for each poll, so that a secret can be replaced. */
import { access, readFile } from 'node:fs/promises';
import { messageOf } from '../../base/error.ts';
import type { Login } from './environment.ts';
import type { GitCredentials, SecretReference } from '../../model/source-settings.ts';

/** What forges take as the user beside a token. */
const tokenUser = 'x-access-token';

/** Rejects with a plain reason that names the reference, never what it holds. */
export async function resolveLogin(credentials: GitCredentials | null, own: NodeJS.ProcessEnv = process.env): Promise<Login | null> {
  if (credentials === null) return null;
  if ('sshKeyFile' in credentials) {
    for (const field of ['sshKeyFile', 'knownHostsFile'] as const)
      await access(credentials[field]).catch((thrown) => {
        throw new Error(`${field} cannot be read: ${messageOf(thrown)}`, { cause: thrown });
      });
    return credentials;
  }
  const password = await secretOf('token' in credentials ? credentials.token : credentials.password, own);
  return { username: credentials.username ?? tokenUser, password };
}

async function secretOf(reference: SecretReference, own: NodeJS.ProcessEnv): Promise<string> {
  if ('env' in reference) {
    const value = own[reference.env];
    if (value === undefined || value === '') throw new Error(`the environment variable ${reference.env} is not set`);
    return value;
  }
  const text = await readFile(reference.file, 'utf8').catch((thrown) => {
    throw new Error(`the file of the secret cannot be read: ${messageOf(thrown)}`, { cause: thrown });
  });
  const value = text.replace(/\r?\n$/, '');
  if (value === '' || /[\r\n]/.test(value)) throw new Error(`the file ${reference.file} must hold the secret in one line`);
  return value;
}
