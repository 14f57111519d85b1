/**
 * Text as machines' consoles say it, quickly and always the same: starts, services, kernel messages, values that change.
 * Every line differs in some number, so that it neither compresses nor repeats better than real logs do.
 */
export class ConsoleProse {
  #seed: number;
  #seconds = 0;

  constructor(seed: number) {
    this.#seed = (seed | 0) + 1;
  }

  /** Lines of at least so many bytes. */
  take(bytes: number): string {
    let text = "";
    while (text.length < bytes) text += this.#line();
    return text;
  }

  #random(below: number): number {
    this.#seed = (Math.imul(this.#seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (this.#seed >>> 8) % below;
  }

  #line(): string {
    this.#seconds += this.#random(1000) / 1000;
    const stamp = `[${this.#seconds.toFixed(6).padStart(12)}]`;
    const hex = this.#random(0x1000000).toString(16).padStart(8, "0");
    const n = this.#random(65_536);
    switch (this.#random(10)) {
      case 0:
        return `[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39m${WORDS[n % WORDS.length]}-${n % 97}.service\x1b[0m - ${WORDS[n % 31]} daemon.\r\n`;
      case 1:
        return `${stamp} usb ${n % 4}-1.${n % 7}: new high-speed USB device number ${n % 128} using xhci_hcd\r\n`;
      case 2:
        return `${stamp} audit: type=1400 audit(${n}.${n % 1000}:${n % 512}): apparmor="STATUS" pid=${n} comm="${WORDS[n % 29]}"\r\n`;
      case 3:
        return `${stamp} EXT4-fs (nvme0n1p${n % 4}): mounted filesystem ${hex}-${n % 4096} r/w with ordered data mode\r\n`;
      case 4:
        return `${stamp} brcmfmac: brcmf_cfg80211_set_power_mgmt: power save ${n % 2 ? "enabled" : "disabled"} 0x${hex}\r\n`;
      case 5:
        return `${WORDS[n % 37]}[${n}]: ${WORDS[n % 23]} ${WORDS[n % 19]} request ${hex} took ${n % 900} ms from 10.0.${n % 256}.${n % 251}\r\n`;
      case 6:
        return `${stamp} nvme nvme0: I/O ${n} QID ${n % 8} timeout, completion polled\r\n`;
      case 7:
        return `${stamp} IPv6: ADDRCONF(NETDEV_CHANGE): eth${n % 3}: link becomes ready\r\n`;
      case 8:
        return `${stamp} cgroup: fork rejected by pids controller in /system.slice/${WORDS[n % 41]}-${n % 13}.scope\r\n`;
      default:
        return `${stamp} systemd[1]: ${WORDS[n % 43]}.timer: Deactivated successfully, consumed ${n}us CPU time.\r\n`;
    }
  }
}

const WORDS =
  "systemd kernel sshd cron rsyslogd dhclient containerd kubelet ceph-osd ceph-mon chronyd dbus-daemon udevd networkd resolved avahi-daemon bluetoothd wpa_supplicant ntpd nginx postgres redis mosquitto influxd grafana node python3 java prometheus etcd coredns flannel calico registry minio samba nfsd rpcbind smartd mdadm lvm zfs docker podman telegraf".split(
    " ",
  );
