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
