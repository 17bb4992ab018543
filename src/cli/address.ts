/** `HOST:PORT`, `[::1]:7400`, or a port alone (on loopback); null when it is none of these. Pure. */
export function address(text: string): { host: string; port: number } | null {
  const match = /^(?:(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/i.exec(text);
  if (match === null || Number(match[3]) > 65_535) return null;
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port: Number(match[3]) };
}
