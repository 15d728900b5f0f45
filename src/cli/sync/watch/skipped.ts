/** What is skipped, told once of each thing for as long as it is there. */
export interface SkippedThings {
  /** A look at the folder begins. */
  readonly look: () => void;
  /** Whether the look before did not find it. */
  readonly isNew: (path: string, why: string) => boolean;
}

export function createSkippedThings(): SkippedThings {
  let [before, now] = [new Set<string>(), new Set<string>()];
  return {
    look: () => {
      [before, now] = [now, new Set()];
    },
    isNew: (path, why) => {
      const thing = `${path}\0${why}`;
      now.add(thing);
      return !before.has(thing);
    },
  };
}
