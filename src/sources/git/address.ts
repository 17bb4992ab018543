/** Where a repository is, judged before git sees it: only transports that can do no more than transport, nothing that looks like an option. Pure. */

export interface Address {
  readonly url: string;
  readonly protocol: 'https' | 'http' | 'ssh' | 'file';
  /** Host with port for messages; the path of a local repository. */
  readonly host: string;
}

/** The address, or why it is refused. */
export function judgeAddress(url: string, allowLocal: boolean): Address | { readonly problem: string } {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  if (url === '' || /[\u0000-\u0020\u007f]/.test(url)) return { problem: 'An address has no spaces or control characters.' };
  if (url.startsWith('-')) return { problem: 'An address that begins with `-` would be taken for an option.' };
  if (/^[a-z0-9+.-]*::/i.test(url)) return { problem: `The transport ${url.slice(0, url.indexOf(':'))}:: runs commands, and is refused.` };
  if (url.startsWith('/')) {
    if (allowLocal) return { url, protocol: 'file', host: url };
    return { problem: 'A repository on this machine needs `allowLocal: true`.' };
  }
  if (/^file:/i.test(url)) return { problem: 'file:// is refused; write the absolute path, with `allowLocal: true`.' };
  if (url.includes('://')) return judgeUrl(url);
  // git's short form of ssh: user@host:path.
  const short = /^(?:([\w][\w.+-]*)@)?([\w][\w.-]*|\[[\da-fA-F:]+\]):(?![-/]{2})([^-].*)$/.exec(url);
  if (short !== null) return { url, protocol: 'ssh', host: short[2]! };
  return { problem: 'Write it as https://host/path, ssh://user@host/path or user@host:path.' };
}

function judgeUrl(text: string): Address | { readonly problem: string } {
  const url = URL.parse(text);
  if (url === null || url.hostname === '') return { problem: 'It is no URL with a host.' };
  if (url.password !== '') return { problem: 'A password does not belong in the address; name it by reference in `credentials`.' };
  if (url.hostname.startsWith('-') || url.username.startsWith('-') || url.pathname.startsWith('/-'))
    return { problem: 'A part that begins with `-` would be taken for an option.' };
  if (url.search !== '' || url.hash !== '') return { problem: 'An address of a repository has no `?` and no `#`.' };
  if (url.protocol === 'ssh:') return { url: text, protocol: 'ssh', host: url.host };
  if (url.username !== '') return { problem: 'A user does not belong in the address; name it in `credentials`.' };
  if (url.protocol === 'https:') return { url: text, protocol: 'https', host: url.host };
  if (url.protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname))
    return { url: text, protocol: 'http', host: url.host };
  if (url.protocol === 'http:') return { problem: 'http is neither private nor unchanged on its way; use https.' };
  return { problem: `The protocol ${url.protocol.slice(0, -1)} is not among https and ssh.` };
}
