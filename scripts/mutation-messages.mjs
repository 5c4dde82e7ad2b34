import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

/*
 * Codes of errors are API and messages are not, so nobody tests for words: mutants of words say nothing about tests.
 * What stands in a message is left out of the mutants; what decides whether there is an error is not.
 */

const BUILT_IN = /^(?:RangeError|TypeError)$/;
/** Functions of src/core that make an error of a message, and checks that are told what they look at. */
const MAKERS = /^(?:malformed\w*|proofMismatch|mismatch)$/;
const CHECKS = /^check(?:Count|Hashes|Length)$/;

/** True iff the node is, or makes, the message of an error. */
function isMessage({ node, parent, listKey, key }) {
  if (listKey !== 'arguments' || parent.callee.type !== 'Identifier') return false;
  const { name } = parent.callee;
  if (parent.type === 'NewExpression') return BUILT_IN.test(name) || (name === 'TlogError' && key === 1);
  if (CHECKS.test(name)) return key === 0;
  return MAKERS.test(name) && node.type !== 'ObjectExpression' && node.type !== 'Identifier';
}

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'messages', {
    shouldIgnore: (path) => (isMessage(path) ? 'the message of an error, which is no API' : undefined),
  }),
];
