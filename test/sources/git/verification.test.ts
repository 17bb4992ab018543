/** Which signatures count, over keys made here, and that what is not signed as asked is not taken. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GitSourceSettings } from '../../../src/sources/git/settings.ts';
import { isMissing } from '../../fixtures/partners.ts';
import { endAgent, gpgSigner, signCommit, signTag, sshSigner, type Signer } from '../../fixtures/signing.ts';
import { GitHarness } from './git-harness.ts';

let harness: GitHarness;
const signers: Signer[] = [];

beforeEach(async () => {
  harness = await GitHarness.make({ 'a.yaml': '1' });
});
afterEach(async () => {
  for (const signer of signers.splice(0)) endAgent(signer);
  await harness.end();
});

const gpg = (...args: Parameters<typeof gpgSigner>): ReturnType<typeof gpgSigner> => {
  const signer = gpgSigner(...args);
  signers.push(signer);
  return signer;
};

/** Takes the place of the harness's Source by one that verifies. */
const verify = (own: Partial<GitSourceSettings>): Promise<void> => harness.restart({ ...own });

async function allow(...lines: readonly string[]): Promise<string> {
  const file = join(harness.folder, 'allowed');
  await writeFile(file, lines.join(''));
  return file;
}

/** What became of the newest commit: 'taken', or the reason of its refusal. */
async function outcome(): Promise<string> {
  await harness.source.refresh();
  const tip = await harness.repository.tip();
  return harness.witness.snapshots.at(-1)?.id === tip ? 'taken' : harness.witness.failures.at(-1)!;
}

describe.skipIf(isMissing('openssh-client', 'gnupg'))('commits signed with SSH keys (skipped without openssh-client and gnupg)', () => {
  it('are taken from those who may; all others are refused with who signed, and the last verified Snapshot stays', async () => {
    const [ada, eve] = [sshSigner(harness.folder, 'ada'), sshSigner(harness.folder, 'eve')];
    const sshAllowedSigners = await allow(ada.allowed);
    const good = await signCommit(harness.repository, ada);
    await verify({ verify: { mode: 'commits', sshAllowedSigners } });
    expect(await outcome()).toBe('taken');

    await harness.put({ 'a.yaml': '2' });
    expect(await outcome()).toContain('it is not signed');
    await signCommit(harness.repository, eve);
    expect(await outcome()).toMatch(/not among those that may sign \(ED25519 SHA256:/);
    expect(harness.witness.snapshots.at(-1)!.id).toBe(good);
    expect(harness.witness.events.map(({ reason }) => reason)).toEqual(['CommitUnverified', 'CommitUnverified']);

    await signCommit(harness.repository, ada);
    expect(await outcome()).toBe('taken');
  });

  it('whose key has expired are refused', async () => {
    const ada = sshSigner(harness.folder, 'ada');
    const sshAllowedSigners = await allow(ada.allowed.replace('namespaces', 'valid-before="20200101",namespaces'));
    await signCommit(harness.repository, ada);
    await verify({ verify: { mode: 'commits', sshAllowedSigners } });
    expect(await outcome()).toContain('a key that has expired');
  });

  it('that were changed after they were signed are refused', async () => {
    const ada = sshSigner(harness.folder, 'ada');
    const sshAllowedSigners = await allow(ada.allowed);
    await signCommit(harness.repository, ada);
    const changed = (await harness.repository.git('cat-file', 'commit', 'main')).replace('\nSigned', '\nForged');
    const file = join(harness.folder, 'commit');
    await writeFile(file, `${changed}\n`);
    await harness.repository.git('update-ref', 'refs/heads/main', await harness.repository.git('hash-object', '-t', 'commit', '-w', file));
    await verify({ verify: { mode: 'commits', sshAllowedSigners } });
    expect(await outcome()).toContain('its signature is bad');
  });

  it('are refused where only OpenPGP keys are named', async () => {
    const ada = sshSigner(harness.folder, 'ada');
    const { publicKey } = gpg(harness.folder, 'grace');
    await signCommit(harness.repository, ada);
    await verify({ verify: { mode: 'commits', gpgKeys: [publicKey] } });
    expect(await outcome()).toContain('no sshAllowedSigners are configured');
  });

  it('are looked at again with another list of signers when asked to reconcile, and without a restart', async () => {
    const ada = sshSigner(harness.folder, 'ada');
    const sshAllowedSigners = await allow(sshSigner(harness.folder, 'eve').allowed);
    await signCommit(harness.repository, ada);
    await verify({ verify: { mode: 'commits', sshAllowedSigners } });
    expect(await outcome()).toContain('not among those');
    await allow(ada.allowed);
    expect(await outcome()).toBe('taken');
  });

  it('are not judged while the list of signers cannot be read', async () => {
    await signCommit(harness.repository, sshSigner(harness.folder, 'ada'));
    await verify({ verify: { mode: 'commits', sshAllowedSigners: join(harness.folder, 'nowhere') } });
    expect(await outcome()).toContain('verify.sshAllowedSigners cannot be read');
    expect(harness.witness.events).toEqual([]);
  });
});

describe.skipIf(isMissing('gnupg'))('commits signed with OpenPGP keys (skipped without gnupg)', () => {
  it('are taken from the keys that are named, and from no other', async () => {
    const [grace, eve] = [gpg(harness.folder, 'grace'), gpg(harness.folder, 'eve')];
    await signCommit(harness.repository, grace);
    await verify({ verify: { mode: 'commits', gpgKeys: [grace.publicKey] } });
    expect(await outcome()).toBe('taken');
    await harness.put({ 'a.yaml': '2' });
    await signCommit(harness.repository, eve);
    expect(await outcome()).toMatch(/not among those that may sign \([0-9A-F]{16}\)/);
    expect(harness.texts).toEqual({ 'a.yaml': '1' });
  });

  it('whose key has expired are refused with whose it is', async () => {
    const old = gpg(harness.folder, 'old', { at: '20200101T000000', days: 10 });
    await signCommit(harness.repository, old);
    await verify({ verify: { mode: 'commits', gpgKeys: [old.publicKey] } });
    expect(await outcome()).toMatch(/has expired \([0-9A-F]{16} old <old@example.org>\)/);
  });
});

describe.skipIf(isMissing('openssh-client'))('signed tags (skipped without openssh-client)', () => {
  it('count by their own signature, whatever the commit has', async () => {
    const ada = sshSigner(harness.folder, 'ada');
    const sshAllowedSigners = await allow(ada.allowed);
    await signTag(harness.repository, ada, 'v1.0.0');
    await verify({ ref: { semver: '1.x' }, verify: { mode: 'tag', sshAllowedSigners } });
    expect(await outcome()).toBe('taken');

    await harness.put({ 'a.yaml': '2' });
    await harness.repository.git('tag', 'v1.1.0', 'main');
    expect(await outcome()).toContain('cannot be signed');
    await harness.repository.git('tag', '-f', '-a', '-m', 'x', 'v1.1.0', 'main');
    expect(await outcome()).toContain('it is not signed');
    await harness.repository.git('tag', '-d', 'v1.1.0');
    await signTag(harness.repository, sshSigner(harness.folder, 'eve'), 'v1.1.0');
    expect(await outcome()).toContain('not among those');
    expect(harness.texts).toEqual({ 'a.yaml': '1' });
  });

  it('of an old version do not pass under the name of a new one', async () => {
    const ada = sshSigner(harness.folder, 'ada');
    const sshAllowedSigners = await allow(ada.allowed);
    await signTag(harness.repository, ada, 'v1.0.0');
    await harness.repository.git('update-ref', 'refs/tags/v1.9.0', await harness.repository.git('rev-parse', 'v1.0.0'));
    await verify({ ref: { semver: '1.x' }, verify: { mode: 'tag', sshAllowedSigners } });
    await harness.source.refresh();
    expect([harness.witness.snapshots, harness.witness.failures.at(-1)]).toEqual([
      [],
      expect.stringContaining('under another name ("v1.0.0")'),
    ]);
  });
});

describe.skipIf(isMissing('openssh-client'))('a restart (skipped without openssh-client)', () => {
  it('does not hand out a stored Snapshot that would not be verified any more', async () => {
    await harness.start();
    expect(harness.witness.snapshots).toHaveLength(1);
    const sshAllowedSigners = await allow(sshSigner(harness.folder, 'ada').allowed);
    await harness.lose();
    await verify({ verify: { mode: 'commits', sshAllowedSigners } });
    expect(harness.witness.snapshots).toEqual([]);
  });
});
