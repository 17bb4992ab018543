/** Where each resolved value comes from, and what it overrode. Pure. */
import type { Provenance } from '../../model/provenance.ts';
import type { Paint } from './paint.ts';
import { oneLine } from './table.ts';

export function explainText(fields: readonly Provenance[], paint: Paint): string {
  return fields
    .map((field) => {
      const lines = [`${paint.bold(field.field)}: ${valueText(field.value)}`, `  from ${placeText(field)}`];
      for (const overridden of field.overrides)
        lines.push(paint.dim(`  over ${valueText(overridden.value)} from ${placeText(overridden)}`));
      return `${lines.join('\n')}\n`;
    })
    .join('');
}

function placeText({ from, file, line, column }: { from: string; file: string; line: number; column: number }): string {
  return file === '' ? from : `${from}, ${file}:${line}:${column}`;
}

function valueText(value: unknown): string {
  return oneLine(JSON.stringify(value) ?? 'nothing');
}
