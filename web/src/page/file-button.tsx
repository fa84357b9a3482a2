interface FileButtonProps {
  readonly label: string;
  /** Endings and types, as an input takes them. */
  readonly accept: string;
  readonly disabled: boolean;
  readonly onFiles: (files: File[]) => void;
}

/** Asks for files; the same ones may be asked for again. */
export function FileButton({ label, accept, disabled, onFiles }: FileButtonProps) {
  return (
    <label class="button file">
      {label}
      <input
        type="file"
        multiple
        accept={accept}
        disabled={disabled}
        onChange={({ currentTarget }) => {
          onFiles([...(currentTarget.files ?? [])]);
          currentTarget.value = "";
        }}
      />
    </label>
  );
}
