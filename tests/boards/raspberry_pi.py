"""What a Raspberry Pi tells about itself: a sysfs of plain files and a `vcgencmd`, turned by the test."""

from __future__ import annotations

import shutil
from pathlib import Path

THERMAL = "class/thermal/thermal_zone0"
POLICY = "devices/system/cpu/cpufreq/policy0"
THROTTLED = "devices/platform/soc/soc:firmware/get_throttled"
UNDER_VOLTAGE = "class/hwmon/hwmon1/in0_lcrit_alarm"
CORES = 4
AT_REST = {
    f"{THERMAL}/type": "cpu-thermal",
    f"{THERMAL}/temp": "45000",
    f"{POLICY}/affected_cpus": "0 1 2 3",
    f"{POLICY}/cpuinfo_max_freq": "1800000",
    f"{POLICY}/cpuinfo_min_freq": "600000",
    f"{POLICY}/scaling_available_frequencies": "600000 1200000 1500000 1800000",
    f"{POLICY}/scaling_available_governors": "conservative ondemand userspace powersave performance schedutil",
    f"{POLICY}/scaling_cur_freq": "1800000",
    f"{POLICY}/scaling_driver": "cpufreq-dt",
    f"{POLICY}/scaling_governor": "ondemand",
    f"{POLICY}/scaling_max_freq": "1800000",
    f"{POLICY}/scaling_min_freq": "600000",
    THROTTLED: "0",
    "class/hwmon/hwmon0/name": "cpu_thermal",
    "class/hwmon/hwmon1/name": "rpi_volt",
    UNDER_VOLTAGE: "0",
    **{f"devices/system/cpu/{name}": f"0-{CORES - 1}" for name in ("possible", "present", "online")},
    **{f"devices/system/cpu/cpu{core}/topology/core_id": str(core) for core in range(CORES)},
    **{f"devices/system/cpu/cpu{core}/topology/physical_package_id": "0" for core in range(CORES)},
}
VCGENCMD = f"""#!/bin/sh
[ -e /opt/vc/hangs ] && exec sleep 3600
of() {{ cat "/sys/$1"; }}
case "$*" in
get_throttled) echo "throttled=0x$(of {THROTTLED})" ;;
measure_temp) t=$(of {THERMAL}/temp); echo "temp=$((t / 1000)).$((t % 1000 / 100))'C" ;;
"measure_clock arm") echo "frequency(48)=$(($(of {POLICY}/scaling_cur_freq) * 1000))" ;;
"measure_volts core" | measure_volts) echo "volt=0.8600V" ;;
*) echo 'error=1 error_msg="Command not registered"' ;;
esac
"""


class RaspberryPi:
    """A Pi 4 at rest, 45 °C and 1.8 GHz on its four cores, whose state the test changes while programs run.

    Args:
        sysfs: becomes the board's /sys.
        vc: becomes the board's /opt/vc; its bin comes first on the PATH.
    """

    def __init__(self, *, sysfs: Path, vc: Path, model: str = "Raspberry Pi 4 Model B Rev 1.4") -> None:
        self._sysfs, self._vc = sysfs, vc
        self.rest()
        for core in range(CORES):
            (sysfs / f"devices/system/cpu/cpu{core}/cpufreq").symlink_to("../cpufreq/policy0")
        self._set("firmware/devicetree/base/model", f"{model}\0")
        vc.joinpath("bin").mkdir(parents=True, exist_ok=True)
        vc.joinpath("bin/vcgencmd").write_text(VCGENCMD)
        vc.joinpath("bin/vcgencmd").chmod(0o755)

    def rest(self) -> None:
        """Makes all as it was at the beginning."""
        for name, text in AT_REST.items():
            self._set(name, text)
        self.let_set_governor(False)
        self.hang_firmware(False)

    def heat(self, celsius: float) -> None:
        self._set(f"{THERMAL}/temp", str(round(celsius * 1000)))

    def clock(self, khz: int) -> None:
        """Of all cores: they share one clock."""
        self._set(f"{POLICY}/scaling_cur_freq", str(khz))

    def throttle(self, bits: int) -> None:
        """The word of `vcgencmd get_throttled`; its bit 0 is the voltage alarm as well."""
        self._set(THROTTLED, f"{bits:x}")
        self._set(UNDER_VOLTAGE, str(bits & 1))

    @property
    def governor(self) -> str:
        return (self._sysfs / POLICY / "scaling_governor").read_text().strip()

    def set_governor(self, name: str) -> None:
        self._set(f"{POLICY}/scaling_governor", name)

    def let_set_governor(self, allowed: bool) -> None:
        """Whether the user pi may; on a board fresh from its image only root may."""
        (self._sysfs / POLICY / "scaling_governor").chmod(0o644 if allowed else 0o444)

    def hang_firmware(self, hangs: bool = True) -> None:
        """Lets `vcgencmd` answer no more, as happens on real boards."""
        if hangs:
            (self._vc / "hangs").touch()
        else:
            (self._vc / "hangs").unlink(missing_ok=True)

    def _set(self, name: str, text: str) -> None:
        file = self._sysfs / name
        file.parent.mkdir(parents=True, exist_ok=True)
        new = self._sysfs.with_name("new")
        new.write_text(f"{text}\n")
        if file.exists():
            shutil.copymode(file, new)
        new.replace(file)  # a reader sees the old text or the new one
