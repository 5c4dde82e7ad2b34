const READ = 'GET, HEAD';
/** Every path there is, with its methods. */
export const ROUTES: readonly (readonly [RegExp, string])[] = [
  [/^\/(healthz|readyz|metrics|logs)$/, READ],
  [
    /^\/logs\/[^/]+\/(audit|backup|backup\/retries|backup\/events|backup\/payloads|backup\/seeds|checkpoints?|log|proofs\/inclusion|proofs\/consistency)$/,
    READ,
  ],
  [/^\/logs\/[^/]+\/tile\/.+$/, READ],
  [/^\/logs\/[^/]+\/entries\/[^/]+$/, READ],
  [/^\/logs\/[^/]+\/(entries|proofs\/multi)$/, `${READ}, POST`],
  [/^\/logs\/[^/]+\/events\/[^/]+$/, READ],
  [/^\/logs\/[^/]+\/events\/[^/]+\/raw$/, READ],
  [/^\/logs\/[^/]+\/(add|events)$/, 'POST'],
];

/** The methods of a path, as the Allow header lists them; undefined when there is no such route. */
export function methodsOf(path: string): string | undefined {
  return ROUTES.find(([pattern]) => pattern.test(path))?.[1];
}
