/** Keeps the keyboard in the view: what it was on may go, or have nothing left to do. */
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** Gives the keyboard to the table below, where it has been before. */
export const focusTable = (box: Element | null): void =>
  box?.querySelector<HTMLElement>('[data-cursor] .entry-name')?.focus({ preventScroll: true });

/** @param changes behind which the keyboard is looked for. @returns what the box must listen to. */
export function useKeptFocus(box: RefObject<HTMLElement | null>, changes: readonly unknown[]) {
  const hasFocus = useRef(false);
  // After the frame: only when it draws does a browser take the keyboard from a button that has been disabled.
  useEffect(() => {
    // It must not begin at the top of the page.
    if (hasFocus.current && document.activeElement === document.body) focusTable(box.current);
  }, changes);
  return {
    onFocusIn: (): void => {
      hasFocus.current = true;
    },
    onFocusOut: ({ relatedTarget }: FocusEvent): void => {
      if (relatedTarget instanceof Node && !box.current?.contains(relatedTarget)) hasFocus.current = false;
    },
  };
}
