/** Contracts for tests: what is not said is empty; the hash is that of the content. */
import { hashValue } from '../../../src/base/hash.ts';
import { compareContracts } from '../../../src/core/contract/compare.ts';
import type { Contract, ContractComparison, ContractTool } from '../../../src/model/contract.ts';

export function contract(lists: Partial<Omit<Contract, 'hash'>>): Contract {
  const whole = { tools: [], prompts: [], resources: [], resourceTemplates: [], ...lists };
  return { hash: hashValue(whole), ...whole };
}

export function tool(inputSchema: unknown, more: Partial<ContractTool> = {}): ContractTool {
  return { name: 'add', inputSchema, ...more };
}

/** Two Contracts of one tool whose schemas of one kind are these. */
export function compareSchemas(kind: 'input' | 'output', from: unknown, to: unknown): ContractComparison {
  const [before, after] = [from, to].map((schema) =>
    contract({ tools: [kind === 'input' ? tool(schema) : tool({ type: 'object' }, { outputSchema: schema })] }),
  );
  return compareContracts(before!, after!);
}

/** `class path: message`, as it is listed. */
export function told({ differences }: ContractComparison): string[] {
  return differences.map((difference) => `${difference.class} ${difference.path}: ${difference.message}`);
}
