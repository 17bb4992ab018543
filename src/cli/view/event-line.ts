/** One Event as a line of a log: `03:02:11  files  Entered…  message`. Pure. */
import type { EventResource } from '../../model/resource.ts';
import { paintWord, type Paint } from './paint.ts';
import { fit, type Screen } from './screen.ts';
import { oneLine } from './table.ts';

/** Reasons that tell of an end in the colour of what it means; others are told as they are, warnings as such. */
const tones: Readonly<Record<string, keyof Paint>> = {
  RolloutPromoted: 'good',
  RolloutRolledBack: 'bad',
  RolloutAborted: 'warn',
  RolloutSuperseded: 'dim',
};

/** What made a service change its state was an Event of its own: of that no more is repeated than this. */
const mostRepeatedLines = 3;

/** `nameWidth` aligns the service column. Further lines of a message are indented under its first. */
export function eventLine(event: EventResource, { paint, columns }: Screen, nameWidth: number): string {
  const { spec, metadata } = event;
  const name = (metadata.service ?? '·').padEnd(nameWidth);
  const [first = '', ...rest] = spec.message.split('\n').map(oneLine);
  const tone = tones[spec.reason] ?? (spec.type === 'Warning' ? 'warn' : null);
  const reason = tone === null ? spec.reason : paint[tone](spec.reason);
  const entered = /^(\w+) → (\w+)(.*)$/.exec(first);
  const told = entered === null ? `${reason}  ${first}` : `${entered[1]} → ${paintWord(paint, entered[2]!)}${paint.dim(entered[3]!)}`;
  const indent = ' '.repeat(10 + nameWidth + 2);
  const further = entered === null || rest.length < mostRepeatedLines ? rest : ['…', rest.at(-1)!];
  const lines = [`${paint.dim(clockTime(spec.at))}  ${paint.bold(name)}  ${told}`, ...further.map((line) => indent + line)];
  return fit(lines.map((line) => `${line.trimEnd()}\n`).join(''), columns, indent.length);
}

/** Hours, minutes and seconds of an RFC 3339 instant in the local time zone. */
export function clockTime(at: string): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}
