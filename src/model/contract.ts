/** A Contract: the tools, prompts and resources an Instance offers, canonically hashed. Order and descriptions' whitespace do not matter to it. */
export interface ContractTool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: unknown;
  readonly outputSchema?: unknown;
  readonly annotations?: unknown;
}
export interface Contract {
  /** hashValue of { tools, prompts, resources, resourceTemplates }, each sorted by name or URI. */
  readonly hash: string;
  readonly tools: readonly ContractTool[];
  readonly prompts: readonly { readonly name: string; readonly description?: string; readonly arguments?: unknown }[];
  readonly resources: readonly { readonly uri: string; readonly name: string; readonly description?: string; readonly mimeType?: string }[];
  readonly resourceTemplates: readonly {
    readonly uriTemplate: string;
    readonly name: string;
    readonly description?: string;
    readonly mimeType?: string;
  }[];
}

/**
 * breaking: a client that worked before may fail. review: what a model reads or relies on changed, calls go on working.
 * compatible: nobody who worked before notices.
 */
export type ContractClass = 'breaking' | 'review' | 'compatible';

export interface ContractDifference {
  readonly class: ContractClass;
  readonly kind: 'tool' | 'prompt' | 'resource' | 'resourceTemplate';
  /** The tool's or prompt's name, the resource's URI. */
  readonly name: string;
  /** JSON Pointer within it, such as `/inputSchema/properties/city/type`; empty when it speaks of the whole. */
  readonly path: string;
  /** For a person: `parameter city is now required`. */
  readonly message: string;
}

/** What a change from one Contract to another means for clients of the first. */
export interface ContractComparison {
  /** Contract hashes. */
  readonly from: string;
  readonly to: string;
  /** The worst class of all differences; null when there is none. */
  readonly class: ContractClass | null;
  /** Worst first, then by kind, name and path; at most 50. */
  readonly differences: readonly ContractDifference[];
  /** How many there are beyond those listed. */
  readonly more: number;
}
