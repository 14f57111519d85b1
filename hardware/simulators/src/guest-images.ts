/** A Linux guest, ready to start. */
export interface LinuxGuest {
  /** An uncompressed kernel with a PVH entry, or a bzImage. */
  readonly kernel: string;
  readonly initramfs: string;
}
