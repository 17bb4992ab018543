/** What a tool answered, for a person: its text as it is, and a word on what cannot be shown. Pure. */
export interface ToolResult {
  readonly content?: readonly Content[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

interface Content {
  readonly type: string;
  readonly text?: string;
  readonly mimeType?: string;
  readonly data?: string;
  readonly uri?: string;
  readonly resource?: { readonly uri?: string; readonly text?: string };
}

export function resultText({ content = [], structuredContent }: ToolResult): string {
  const parts = content.map((item) => {
    if (item.type === 'text') return item.text ?? '';
    if (item.type === 'resource') return item.resource?.text ?? `[resource ${item.resource?.uri ?? ''}]`;
    if (item.type === 'resource_link') return `[resource ${item.uri ?? ''}]`;
    return `[${item.type} ${item.mimeType ?? ''}, ${Math.floor(((item.data?.length ?? 0) * 3) / 4)} bytes; see -o json]`;
  });
  if (parts.length === 0 && structuredContent !== undefined) parts.push(JSON.stringify(structuredContent, null, 2));
  return parts.map((part) => (part.endsWith('\n') ? part : `${part}\n`)).join('');
}
