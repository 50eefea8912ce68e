import { CharSet, DFA, NFA, TooManyNodesError, type NoParent } from 'refa';
import type * as Refa from 'refa';
import { BugError } from '../../output/errors.ts';
import { regexOf, setRegex } from './glob-regex.ts';
import type { CodeRange, GlobPart } from './ignore-pattern.ts';
import type { ShownPattern } from './shown-pattern.ts';

const MAX_CODE = 0x10ffff;
const SLASH = 0x2f;
/** States and pieces up to which a difference is made; the usual ones need a few dozen. */
const MAX_STATES = 400;
const MAX_PIECES = 1_500;
const MAX_BLOCKS = 50;
/** Of the expressions together, in characters. */
const MAX_LENGTH = 6_000;

/** Paths that are one of `parent` (with its slash, or empty) followed by one of `name`. */
interface Block {
  parent: Language;
  name: Language;
}

interface Language {
  fa: DFA;
  /** Where it is known without making it anew from the automaton. */
  regex: string | undefined;
}

/**
 * The folders that `pattern` means and none of `takenBack` does, as regular expressions in Go's
 * syntax. Regular languages are closed under difference, although Go's expressions have no operator
 * for it: it is made by automata. Folder and name are taken apart, which keeps them small:
 * A×B without P×N is A×(B without N) and (A without P)×(B and N).
 *
 * @returns undefined when the expressions would be too large
 */
export function subtract(
  pattern: ShownPattern,
  takenBack: readonly ShownPattern[],
): { parent: string; name: string }[] | undefined {
  try {
    let left = blocksOf(pattern);
    for (const gone of takenBack.flatMap(blocksOf)) {
      left = left.flatMap((block) => withoutBlock(block, gone));
      if (left.length > MAX_BLOCKS) return undefined;
    }
    const printed = left.map(({ parent, name }) => ({
      parent: print(parent),
      name: print(name),
    }));
    const length = printed.reduce((sum, { parent, name }) => sum + parent.length + name.length, 0);
    return length > MAX_LENGTH ? undefined : printed;
  } catch (error) {
    if (error instanceof TooManyNodesError) return undefined;
    throw error;
  }
}

function blocksOf({ base, anyDepth, glob }: ShownPattern): Block[] {
  if (anyDepth) return [block([...base, { type: 'folders' }], glob)];
  const whole = [...base, ...glob];
  const start = 1 + whole.findLastIndex(isSlash);
  const [folder, name] = [whole.slice(0, start), whole.slice(start)];
  if (!name.some(({ type }) => type === 'everything')) return [block(folder, name)];
  // What matches anything also matches slashes: then it reaches into the folder.
  const within = name.map((part) => (part.type === 'everything' ? STAR : part));
  const below = [...whole, { type: 'char', code: SLASH } as const];
  return [block(folder, within), block(below, [STAR])];
}

const STAR: GlobPart = { type: 'star' };

function isSlash(part: GlobPart): boolean {
  return part.type === 'folders' || (part.type === 'char' && part.code === SLASH);
}

function block(parent: readonly GlobPart[], name: readonly GlobPart[]): Block {
  return { parent: language(parent), name: language(name) };
}

function withoutBlock(from: Block, gone: Block): Block[] {
  const shared = both(from.name, gone.name);
  if (shared.fa.isEmpty || both(from.parent, gone.parent).fa.isEmpty) return [from];
  return [
    { parent: from.parent, name: without(from.name, gone.name) },
    { parent: without(from.parent, gone.parent), name: shared },
  ].filter(({ parent, name }) => !parent.fa.isEmpty && !name.fa.isEmpty);
}

function language(parts: readonly GlobPart[]): Language {
  const nodes = new NFA.LimitedNodeFactory(MAX_STATES);
  const nfa = NFA.fromRegex(sequence(parts.map(element)), { maxCharacter: MAX_CODE }, {}, nodes);
  return { fa: smallest(DFA.fromFA(nfa, limit())), regex: regexOf(parts) };
}

function both(one: Language, other: Language): Language {
  return { fa: smallest(DFA.fromIntersection(one.fa, other.fa, limit())), regex: undefined };
}

function without(one: Language, other: Language): Language {
  const rest = DFA.fromFA(other.fa, limit());
  rest.complement(limit());
  return both(one, { fa: rest, regex: undefined });
}

function smallest(dfa: DFA): DFA {
  dfa.minimize();
  return dfa;
}

function limit(): DFA.LimitedNodeFactory {
  return new DFA.LimitedNodeFactory(MAX_STATES);
}

function print({ fa, regex }: Language): string {
  if (regex !== undefined) return regex;
  const { alternatives } = fa.toRegex({ maxNodes: MAX_PIECES });
  return `(?:${printAll(alternatives)})`;
}

type Sequence = NoParent<Refa.Concatenation>;
type Element = NoParent<Refa.Element>;

function sequence(elements: Element[]): Sequence {
  return { type: 'Concatenation', elements };
}

function element(part: GlobPart): Element {
  switch (part.type) {
    case 'char':
      return oneOf([[part.code, part.code]]);
    case 'set':
      return oneOf(part.ranges);
    case 'star':
      return repeated(oneOf(NO_SLASH), 0, Infinity);
    case 'everything':
      return repeated(oneOf([[0, MAX_CODE]]), 0, Infinity);
    case 'folders': {
      const any = repeated(oneOf([[0, MAX_CODE]]), 0, Infinity);
      return { ...repeated(any, 0, 1), alternatives: [sequence([any, oneOf([[SLASH, SLASH]])])] };
    }
  }
}

const NO_SLASH: readonly CodeRange[] = [
  [0, SLASH - 1],
  [SLASH + 1, MAX_CODE],
];

function oneOf(ranges: readonly CodeRange[]): Element {
  const characters = CharSet.empty(MAX_CODE).union(ranges.map(([min, max]) => ({ min, max })));
  return { type: 'CharacterClass', characters };
}

function repeated(what: Element, min: number, max: number): NoParent<Refa.Quantifier> {
  return { type: 'Quantifier', alternatives: [sequence([what])], lazy: false, min, max };
}

/** refa's tree in Go's syntax. */
function printAll(alternatives: readonly Sequence[]): string {
  return alternatives.map(({ elements }) => elements.map(printElement).join('')).join('|');
}

function printElement(part: Element): string {
  switch (part.type) {
    case 'CharacterClass':
      return setRegex(part.characters.ranges.map(({ min, max }): CodeRange => [min, max]));
    case 'Alternation':
      return `(?:${printAll(part.alternatives)})`;
    case 'Quantifier':
      return `(?:${printAll(part.alternatives)})${times(part.min, part.max)}`;
    case 'Assertion':
    case 'Unknown':
      throw new BugError(`an automaton has no ${part.type}`);
  }
}

function times(min: number, max: number): string {
  if (max === Infinity) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  return min === 0 && max === 1 ? '?' : `{${min},${max}}`;
}
