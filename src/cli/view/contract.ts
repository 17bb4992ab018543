/** The differences of two Contracts as lines for a person, worst first, the class in a word and a colour. Pure. */
import { differenceText } from '../../core/contract/compare.ts';
import type { ContractClass, ContractComparison } from '../../model/contract.ts';
import { plain, type Paint } from './paint.ts';
import { oneLine } from './table.ts';

const tones: Record<ContractClass, keyof Paint> = { breaking: 'bad', review: 'warn', compatible: 'dim' };
const width = Math.max(...Object.keys(tones).map((name) => name.length));

/** A line each, without newline, `breaking    tool add: parameter b is now required`; none when there is no difference. */
export function contractLines({ differences, more }: ContractComparison, paint: Paint = plain): string[] {
  const lines = differences.map(
    (difference) =>
      `${paint[tones[difference.class]](difference.class)}${' '.repeat(width + 2 - difference.class.length)}${oneLine(differenceText(difference))}`,
  );
  return more > 0 ? [...lines, paint.dim(`and ${more} more`)] : lines;
}
