/**
 * The guest of the `bios` flavours: 512 bytes that the firmware loads to 0x7c00.
 *
 * It counts its boots in sector 2 of the disk it came from, prints `Outrider boot <n> at <hh:mm:ss>` on the
 * console, and sleeps in `hlt`, so that a machine costs next to no processor time. On each timer tick it looks at
 * the power button (PIIX4, PM1_STS at port 0x600) and at the keyboard, which the firmware feeds from the
 * console: every key is echoed, `h` powers off (PM1_CNT at 0x604), `p` panics (pvpanic at 0x505), `r` resets (0xcf9).
 * A non-maskable interrupt panics too.
 *
 * It prints through the firmware (int 0x10), which holds back a little of its own output and would have the two
 * mixed otherwise; the last word goes straight to the UART, because nothing comes after it to push it out.
 */
const CODE = `
  fa            ; cli
  31c0          ; xor ax,ax
  8ed8          ; mov ds,ax
  8ec0          ; mov es,ax
  8ed0          ; mov ss,ax
  bc007c        ; mov sp,0x7c00
  8816f07d      ; mov byte drive,dl
  c706f27dd17c  ; mov word emit,tty
  c7060800a97c  ; mov word 0x8,nmi
  a30a00        ; mov 0xa,ax
  fb            ; sti
  b80102        ; mov ax,0x201
  e88d00        ; call disk
  ff06007e      ; inc word 0x7e00
  b80103        ; mov ax,0x301
  e88300        ; call disk
  be107d        ; mov si,banner
  e88c00        ; call puts
  a1007e        ; mov ax,0x7e00
  e8c200        ; call dec
  be217d        ; mov si,at
  e88000        ; call puts
  b402          ; mov ah,0x2
  cd1a          ; int 0x1a
  88e8          ; mov al,ch
  e8a500        ; call bcd
  e89e00        ; call colon
  88c8          ; mov al,cl
  e89d00        ; call bcd
  e89600        ; call colon
  88f0          ; mov al,dh
  e89500        ; call bcd
  be297d        ; mov si,nl
  e86100        ; call puts
  a1ee7d        ; mov ax,button
  ba0206        ; mov dx,0x602
  ef            ; out dx,ax
  f4            ; loop: hlt
  ba0006        ; mov dx,0x600
  ed            ; in ax,dx
  8426ef7d      ; test byte 0x7def,ah
  7521          ; jne off
  b401          ; next: mov ah,0x1
  cd16          ; int 0x16
  74ef          ; je loop
  b400          ; mov ah,0x0
  cd16          ; int 0x16
  e84d00        ; call putc
  3c68          ; cmp al,0x68
  7410          ; je off
  3c70          ; cmp al,0x70
  7421          ; je nmi
  3c72          ; cmp al,0x72
  75e7          ; jne next
  baf90c        ; mov dx,0xcf9
  b006          ; mov al,0x6
  ee            ; out dx,al
  ebd4          ; jmp loop
  c706f27ddb7c  ; off: mov word emit,uart
  be267d        ; mov si,bye
  e82200        ; call puts
  ba0406        ; mov dx,0x604
  b80020        ; mov ax,0x2000
  ef            ; out dx,ax
  ebbf          ; jmp loop
  ba0505        ; nmi: mov dx,0x505
  b001          ; mov al,0x1
  ee            ; out dx,al
  fa            ; stop: cli
  f4            ; hlt
  ebfc          ; jmp stop
  bb007e        ; disk: mov bx,0x7e00
  b90200        ; mov cx,0x2
  b600          ; mov dh,0x0
  8a16f07d      ; mov dl,byte drive
  cd13          ; int 0x13
  c3            ; ret
  ac            ; puts: lods al,byte [si]
  84c0          ; test al,al
  7405          ; je done
  e80300        ; call putc
  ebf6          ; jmp puts
  c3            ; done: ret
  ff26f27d      ; putc: jmp word emit
  60            ; tty: pusha
  b40e          ; mov ah,0xe
  bb0700        ; mov bx,0x7
  cd10          ; int 0x10
  61            ; popa
  c3            ; ret
  52            ; uart: push dx
  50            ; push ax
  bafd03        ; mov dx,0x3fd
  ec            ; wait: in al,dx
  a820          ; test al,0x20
  74fb          ; je wait
  58            ; pop ax
  baf803        ; mov dx,0x3f8
  ee            ; out dx,al
  5a            ; pop dx
  c3            ; ret
  b03a          ; colon: mov al,0x3a
  ebdd          ; jmp putc
  50            ; bcd: push ax
  c0e804        ; shr al,0x4
  e80300        ; call digit
  58            ; pop ax
  240f          ; and al,0xf
  0430          ; digit: add al,0x30
  ebcf          ; jmp putc
  31d2          ; dec: xor dx,dx
  bb0a00        ; mov bx,0xa
  f7f3          ; div bx
  52            ; push dx
  85c0          ; test ax,ax
  7403          ; je last
  e8f1ff        ; call dec
  58            ; last: pop ax
  ebea          ; jmp digit
`;

const TEXT_AT = 0x110;
const TEXT = "\r\nOutrider boot \0 at \0off\r\n\0";
/** Written to PM1_EN: 0x0100 lets the power button be seen, 0 does not. */
const BUTTON_ENABLE_AT = 0x1ee;
const SECTOR_BYTES = 512;

/** The boot sector; with `button` its guest obeys the power button. */
export function bootSector(options: { readonly button: boolean }): Buffer {
  const sector = Buffer.alloc(SECTOR_BYTES);
  const code = CODE.replaceAll(/;.*$/gm, "").replaceAll(/\s/g, "");
  sector.write(code, "hex");
  sector.write(TEXT, TEXT_AT, "latin1");
  sector.writeUInt16LE(options.button ? 0x0100 : 0, BUTTON_ENABLE_AT);
  sector.writeUInt16LE(0xaa55, SECTOR_BYTES - 2);
  return sector;
}
