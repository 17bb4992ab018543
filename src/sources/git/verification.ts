/**
 * Whether a commit or tag is signed by somebody who may. Only the keys named in the settings count: OpenPGP keys lie in a
 * keyring of their own, the user's is never looked into. The check itself is git's, with ssh-keygen and gpg.
 */
import { execFile } from 'node:child_process';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../base/error.ts';
import { sha256 } from '../../base/hash.ts';
import { GitFailed } from './git.ts';
import type { ObjectStore } from './objects.ts';
import { objectionOf } from './signature-words.ts';
import type { GitVerification } from '../../model/source-settings.ts';

/** What is to be verified: a commit, and the tag object that led to it, where there is one. */
export interface Candidate {
  /** The whole name of the ref, or the commit's id. */
  readonly ref: string;
  readonly commit: string;
  readonly tag: string | null;
}

export interface Verifier {
  /** Why it is not trusted, as a clause; null when it is. Rejects when that cannot be found out. */
  objection(candidate: Candidate): Promise<string | null>;
}

/** `folder`: where the keyring is made. */
export function createVerifier(verification: GitVerification | null, objects: ObjectStore, folder: string): Verifier {
  if (verification === null) return { objection: () => Promise.resolve(null) };
  return new SignatureVerifier(verification, objects, join(folder, 'gnupg'));
}

class SignatureVerifier implements Verifier {
  readonly #verification: GitVerification;
  readonly #objects: ObjectStore;
  readonly #keyring: string;
  /** Hash of the keys that are in the keyring. */
  #imported: string | null = null;

  constructor(verification: GitVerification, objects: ObjectStore, keyring: string) {
    this.#verification = verification;
    this.#objects = objects;
    this.#keyring = keyring;
  }

  async objection({ ref, commit, tag }: Candidate): Promise<string | null> {
    const { sshAllowedSigners, mode } = this.#verification;
    await this.#importKeys();
    if (sshAllowedSigners !== undefined) await readable('sshAllowedSigners', access(sshAllowedSigners));
    if (mode === 'commits') return this.#ask('verify-commit', commit);
    if (tag === null) return 'its tag is a mere name and cannot be signed; sign one with `git tag -s`';
    // A signed tag of an old version must not pass under the name of a new one.
    const own = /^tag (.*)$/m.exec(await this.#objects.text(['cat-file', 'tag', tag]))?.[1];
    if (`refs/tags/${own}` !== ref) return `its tag was signed under another name (${JSON.stringify(own ?? '')})`;
    return this.#ask('verify-tag', tag);
  }

  async #ask(command: 'verify-commit' | 'verify-tag', id: string): Promise<string | null> {
    const { sshAllowedSigners } = this.#verification;
    const config = sshAllowedSigners === undefined ? [] : [['gpg.ssh.allowedSignersFile', sshAllowedSigners] as const];
    const more = { GNUPGHOME: this.#keyring };
    try {
      await this.#objects.text([command, '--raw', id], { config, more });
      return null;
    } catch (thrown) {
      if (thrown instanceof GitFailed && thrown.ended === null) return objectionOf(thrown.words);
      throw thrown;
    }
  }

  /** Makes the keyring anew when the key files are others than they were. */
  async #importKeys(): Promise<void> {
    const files = this.#verification.gpgKeys ?? [];
    const keys = await Promise.all(files.map((file) => readable('gpgKeys', readFile(file))));
    const hash = sha256(keys.map((key) => sha256(key)).join());
    if (hash === this.#imported) return;
    await rm(this.#keyring, { recursive: true, force: true });
    await mkdir(this.#keyring, { recursive: true, mode: 0o700 });
    // Every key in it was put there by the settings, which is all the trust that is asked for.
    await writeFile(join(this.#keyring, 'gpg.conf'), 'trust-model always\nno-auto-key-retrieve\n');
    if (files.length > 0) {
      const args = ['--homedir', this.#keyring, '--batch', '--quiet', '--no-autostart', '--import', '--', ...files];
      await promisify(execFile)('gpg', args, { env: { PATH: process.env['PATH'], LC_ALL: 'C' } }).catch((thrown) => {
        throw new Error(`gpgKeys cannot be imported: ${messageOf(thrown)}`, { cause: thrown });
      });
    }
    this.#imported = hash;
  }
}

/** A file of the settings that cannot be read is no reason to trust, nor one to call a commit bad. */
async function readable<T>(field: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (thrown) {
    throw new Error(`verify.${field} cannot be read: ${messageOf(thrown)}`, { cause: thrown });
  }
}
