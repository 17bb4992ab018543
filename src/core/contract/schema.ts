/** Compares two JSON Schemas (first version: any change is for review). */
import type { ContractClass } from '../../model/contract.ts';
import { sameJson } from './json.ts';

export class Steps {}

export function compareSchemas(
  direction: 'input' | 'output',
  from: unknown,
  to: unknown,
  _steps: Steps,
  tell: (difference: ContractClass, path: string, message: string) => void,
): void {
  if (!sameJson(from, to)) tell('review', `/${direction}Schema`, `its ${direction} schema changed`);
}
