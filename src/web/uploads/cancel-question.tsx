/** Asks before all uploads are cancelled. */
import { Dialog } from '../shell/dialog.tsx';
import { countOf } from '../shell/words.ts';

interface CancelQuestionProps {
  /** Files of which the server has a part. */
  readonly partly: number;
  readonly onCancelAll: () => void;
  readonly onClose: () => void;
}

export const CancelQuestion = ({ partly, onCancelAll, onClose }: CancelQuestionProps) => (
  <Dialog title="Cancel all uploads?" onClose={onClose}>
    <p>The server drops what it has of {countOf(partly, 'unfinished file')}. Pausing keeps it.</p>
    <p class="dialog-buttons">
      <button type="button" class="danger" onClick={onCancelAll}>
        Cancel the uploads
      </button>
      <button type="button" onClick={onClose}>
        Keep
      </button>
    </p>
  </Dialog>
);
