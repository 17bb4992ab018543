/** One Event as a line of a log: `03:02:11  files  Entered…  message`. Pure. */
import type { EventResource } from '../../model/resource.ts';
import { paintWord, type Paint } from './paint.ts';
import { oneLine } from './table.ts';

/** `nameWidth` aligns the service column. Further lines of a message are indented under its first. */
export function eventLine(event: EventResource, paint: Paint, nameWidth: number): string {
  const { spec, metadata } = event;
  const name = (metadata.service ?? '·').padEnd(nameWidth);
  const [first = '', ...rest] = spec.message.split('\n').map(oneLine);
  const reason = spec.type === 'Warning' ? paint.warn(spec.reason) : spec.reason;
  const entered = /^(\w+) → (\w+)(.*)$/.exec(first);
  const told = entered === null ? `${reason}  ${first}` : `${entered[1]} → ${paintWord(paint, entered[2]!)}${paint.dim(entered[3]!)}`;
  const indent = ' '.repeat(10 + nameWidth + 2);
  return [`${paint.dim(clockTime(spec.at))}  ${paint.bold(name)}  ${told}`, ...rest.map((line) => indent + line)]
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** Hours, minutes and seconds of an RFC 3339 instant in the local time zone. */
export function clockTime(at: string): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}
