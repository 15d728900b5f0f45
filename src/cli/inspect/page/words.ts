/** Numbers as people read them. */

export const grouped = (value: number): string => value.toLocaleString('en-US');

/** @example many(2, 'frame') // '2 frames' */
export const many = (count: number, noun: string): string =>
  `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
