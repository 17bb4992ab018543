/** A titled part of what describes something, further in than its title. Pure. */
import type { Paint } from './paint.ts';

/** Sections stand this far in. */
export const sectionIndent = 2;

/** Empty where there is nothing to show. */
export function section(title: string, body: string, paint: Paint): string {
  if (body === '') return '';
  const indented = body.replaceAll(/^(?=.)/gm, ' '.repeat(sectionIndent));
  return `${paint.bold(title)}:\n${indented}`;
}
