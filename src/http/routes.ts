/** A path the server knows: its label in metrics and the methods it has. */
export interface KnownPath {
  readonly label: string;
  readonly allow: string;
}

const READ = 'GET, HEAD';
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/^\/(healthz|readyz|metrics|logs)$/, READ],
  [/^\/logs\/[^/]+\/(checkpoints?|log|proofs\/inclusion|proofs\/consistency)$/, READ],
  [/^\/logs\/[^/]+\/(tile)\/.+$/, READ],
  [/^\/logs\/[^/]+\/(entries)\/[^/]+$/, READ],
  [/^\/logs\/[^/]+\/(entries|proofs\/multi)$/, `${READ}, POST`],
  [/^\/logs\/[^/]+\/(add)$/, 'POST'],
];

/** What a path is, whatever the method; undefined when there is no such route. */
export function knownPath(path: string): KnownPath | undefined {
  for (const [pattern, allow] of KNOWN) {
    const match = pattern.exec(path);
    if (match !== null) return { label: match[1] ?? '', allow };
  }
  return undefined;
}
