/** What git, gpg and ssh-keygen say of a signature that does not count, as a clause for people. Pure. */
import { redact } from '../../base/redact.ts';

/** From the stderr of `git verify-commit|verify-tag --raw`: GnuPG's status lines, or ssh-keygen's words. */
export function objectionOf(words: string): string {
  const key = keyOf(words);
  if (/needs to be configured and exist for ssh/.test(words))
    return 'it is signed with an SSH key, and no sshAllowedSigners are configured';
  if (/BADSIG|incorrect signature|invalid format|Couldn't parse signature/i.test(words))
    return `its signature is bad: it was made for something else, or broken${key}`;
  if (/REVKEYSIG|KEYREVOKED|revoked/i.test(words)) return `it is signed with a key that was revoked${key}`;
  if (/has expired|EXPKEYSIG|EXPSIG|KEYEXPIRED/.test(words)) return `it is signed with a key that has expired${key}`;
  if (/not yet valid/.test(words)) return `it is signed with a key that is not yet valid${key}`;
  if (/No principal matched|NO_PUBKEY|No such file/.test(words))
    return `it is signed with a key that is not among those that may sign${key}`;
  if (words.trim() === '' || /no signature found/.test(words)) return 'it is not signed';
  return `its signature cannot be verified (${redact(words.trim().split('\n')[0]!.slice(0, 200))})`;
}

/** Whose key, or which: ` (ED25519 SHA256:…)`, ` (07D3D1272777DF59 Ada <ada@example.org>)`; nothing when it is not said. */
function keyOf(words: string): string {
  const [, signer, kind, print] = /Good "git" signature (?:for (.{1,200}?) )?with (\S+) key (\S+)/.exec(words) ?? [];
  if (print !== undefined) return ` (${signer === undefined ? '' : `${signer}, `}${kind} ${print})`;
  const [, gpgKey, name] = /\[GNUPG:\] (?:BADSIG|EXPKEYSIG|REVKEYSIG|EXPSIG|NO_PUBKEY) ([0-9A-F]+)(?: (.{1,200}))?/.exec(words) ?? [];
  if (gpgKey === undefined) return '';
  // oxlint-disable-next-line no-control-regex -- a name is whatever its owner wrote
  return ` (${gpgKey}${name === undefined ? '' : ` ${name.replaceAll(/[\p{Cc}\p{Cf}]/gu, '\ufffd')}`})`;
}
