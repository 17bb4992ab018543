/** Secrets by reference, read when they are needed, so that they can be replaced while everything runs. */
import { readFile } from 'node:fs/promises';
import { FairleadError } from '../base/error.ts';
import type { SecretReference } from '../model/source-settings.ts';

/** The secret as it is now, without the line break that a file ends with. Rejects with SecretUnavailable when it is missing or empty. */
export async function readSecret(reference: SecretReference): Promise<string> {
  const where = 'env' in reference ? `the environment variable ${reference.env}` : reference.file;
  const text = 'env' in reference ? process.env[reference.env] : await readFile(reference.file, 'utf8').catch(() => undefined);
  const secret = text?.replace(/\r?\n$/, '') ?? '';
  if (secret === '') throw new FairleadError('SecretUnavailable', `There is no secret in ${where}.`);
  return secret;
}
