/** What may be done with what is chosen, and the search. A button is there only for what the token may do. */
import type { RefObject } from 'preact';
import { may, type Page } from '../shell/page.ts';
import type { Entry } from './entry.ts';

/** A rename takes the old name away. */
export const canRename = (page: Page): boolean => may(page, 'write') && may(page, 'delete');

export interface ToolbarProps {
  readonly page: Page;
  readonly chosen: readonly Entry[];
  readonly isBusy: boolean;
  readonly text: string;
  /** Whether what is shown is what a search below the folder has found. */
  readonly isSearching: boolean;
  readonly searchBox: RefObject<HTMLInputElement | null>;
  readonly onText: (text: string) => void;
  readonly onSearch: () => void;
  readonly onDownload: () => void;
  readonly onAsk: (what: 'remove' | 'move' | 'rename' | 'folder') => void;
}

export function Toolbar(props: ToolbarProps) {
  const { page, chosen, isBusy, text, isSearching, searchBox, onText, onSearch, onDownload, onAsk } = props;
  const none = chosen.length === 0 || isBusy;
  const hasFile = chosen.some(({ type }) => type === 'file');
  return (
    <div class="toolbar">
      <form
        aria-label="Search"
        onSubmit={(event) => {
          event.preventDefault();
          onSearch();
        }}
      >
        <input
          ref={searchBox}
          type="search"
          placeholder="Search"
          aria-label="Search in this folder"
          value={text}
          onInput={(event) => onText(event.currentTarget.value)}
          onKeyDown={(event) => event.key === 'Escape' && onText('')}
        />
        {text.trim() !== '' && !isSearching && <button type="submit">Search below, too</button>}
      </form>
      {may(page, 'read') && (
        <button
          type="button"
          disabled={none || !hasFile}
          title={hasFile ? undefined : 'Choose files: a folder is not fetched as one'}
          onClick={onDownload}
        >
          Download
        </button>
      )}
      {canRename(page) && (
        <>
          <button type="button" disabled={none || chosen.length !== 1} onClick={() => onAsk('rename')}>
            Rename
          </button>
          <button type="button" disabled={none} onClick={() => onAsk('move')}>
            Move
          </button>
        </>
      )}
      {may(page, 'delete') && (
        <button type="button" class="danger" disabled={none} onClick={() => onAsk('remove')}>
          Delete
        </button>
      )}
      {may(page, 'write') && (
        <button type="button" onClick={() => onAsk('folder')}>
          New folder
        </button>
      )}
    </div>
  );
}
