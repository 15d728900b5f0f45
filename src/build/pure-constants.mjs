/**
 * Marks the constants of a module as what may be left out when nothing uses them.
 *
 * Every module of the library is free of side effects (`sideEffects` in `package.json`), but a bundler goes by that only
 * for a whole file, and several modules are one file in `dist/`. A call that makes a constant might do anything, as far
 * as a bundler can see. A function that is called where it stands, and is marked as pure, says that it does not.
 */

/** A statement ends where the next line begins another: not indented, and not with a bracket that closes. */
const CONSTANT = /^((?:export )?(?:const|let|var) [\w$]+ = )([\s\S]*?);\n(?![\s)}\]])/gm;
const FUNCTION = /^(?:async )?(?:function\b|class\b|[\w$]+ =>|\((?:[^()]|\([^()]*\))*\) =>)/;
const LITERAL = /^(?:[-+*/()\d\s._n]+|"(?:[^"\\]|\\.)*"|true|false|null|void 0)$/;
/** A line of it may look like the end of a statement. */
const MULTILINE_TEXT = /`[^`]*\n/;

/** @param code a module as esbuild prints it. */
export const pureConstants = (code) =>
  code.replace(CONSTANT, (statement, start, value) =>
    FUNCTION.test(value) || LITERAL.test(value) || MULTILINE_TEXT.test(value)
      ? statement
      : `${start}/* @__PURE__ */ (() => (${value}))();\n`,
  );
