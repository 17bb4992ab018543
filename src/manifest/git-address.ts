/** Where a repository is, judged before git sees it: only transports that can do no more than transport, nothing that looks like an option. Pure. */
import { isLoopbackUrl } from '../base/loopback.ts';
import type { IssueCode } from '../model/issue-codes.ts';

export interface Address {
  readonly url: string;
  readonly protocol: 'https' | 'http' | 'ssh' | 'file';
  /** Host with port for messages; the path of a local repository. */
  readonly host: string;
}

/** Why an address is refused. The words show no part of it that may be a secret. */
export interface AddressProblem {
  readonly code: IssueCode;
  readonly problem: string;
  readonly expected: string;
}

const forms = 'https://host/path, ssh://user@host/path or user@host:path';

/** The address, or why it is refused. */
export function judgeAddress(url: string, allowLocal: boolean): Address | AddressProblem {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  if (url === '' || /[\u0000-\u0020\u007f]/.test(url)) return invalid('An address has no spaces or control characters.');
  if (url.startsWith('-')) return invalid('An address that begins with `-` would be taken for an option.');
  if (/^[a-z0-9+.-]*::/i.test(url)) return invalid(`The transport ${url.slice(0, url.indexOf(':'))}:: runs commands, and is refused.`);
  if (url.startsWith('/')) {
    if (allowLocal) return { url, protocol: 'file', host: url };
    return {
      code: 'MissingField',
      problem: 'A repository on this machine needs `allowLocal: true`.',
      expected: `\`allowLocal: true\` beside it, or ${forms}`,
    };
  }
  if (/^file:/i.test(url)) return invalid('file:// is refused.', 'the absolute path, with `allowLocal: true`');
  if (url.includes('://')) return judgeUrl(url);
  // git's short form of ssh: user@host:path.
  const short = /^(?:([\w][\w.+-]*)@)?([\w][\w.-]*|\[[\da-fA-F:]+\]):(?![-/]{2})([^-].*)$/.exec(url);
  if (short !== null) return { url, protocol: 'ssh', host: short[2]! };
  return invalid('It is no address of a repository.');
}

function judgeUrl(text: string): Address | AddressProblem {
  const url = URL.parse(text);
  if (url === null || url.hostname === '') return invalid('It is no URL with a host.');
  const reference = '`credentials`, which name it by reference';
  if (url.password !== '') return { code: 'LiteralSecret', problem: 'A password stands in the address.', expected: reference };
  if (url.hostname.startsWith('-') || url.username.startsWith('-') || url.pathname.startsWith('/-'))
    return invalid('A part that begins with `-` would be taken for an option.');
  if (url.search !== '' || url.hash !== '') return invalid('An address of a repository has no `?` and no `#`.');
  if (url.protocol === 'ssh:') return { url: text, protocol: 'ssh', host: url.host };
  if (url.username !== '') return invalid('A user does not belong in the address.', reference);
  if (url.protocol === 'https:') return { url: text, protocol: 'https', host: url.host };
  if (url.protocol === 'http:' && isLoopbackUrl(url)) return { url: text, protocol: 'http', host: url.host };
  if (url.protocol === 'http:') return invalid('http is neither private nor unchanged on its way.', 'https://');
  return invalid(`The protocol ${url.protocol.slice(0, -1)} is not among https and ssh.`);
}

function invalid(problem: string, expected = forms): AddressProblem {
  return { code: 'InvalidUrl', problem, expected };
}
