"""Names of the MFRC522's registers and of their bits (NXP MFRC522 data sheet Rev 3.9, section 9)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Reg(IntEnum):
    """Register numbers (section 9.2)."""

    COMMAND = 0x01
    COM_I_EN = 0x02
    COM_IRQ = 0x04
    DIV_IRQ = 0x05
    ERROR = 0x06
    STATUS1 = 0x07
    STATUS2 = 0x08
    FIFO_DATA = 0x09
    FIFO_LEVEL = 0x0A
    WATER_LEVEL = 0x0B
    CONTROL = 0x0C
    BIT_FRAMING = 0x0D
    COLL = 0x0E
    MODE = 0x11
    TX_MODE = 0x12
    RX_MODE = 0x13
    TX_CONTROL = 0x14
    TX_ASK = 0x15
    SERIAL_SPEED = 0x1F
    MOD_WIDTH = 0x24
    RF_CFG = 0x26
    T_MODE = 0x2A
    T_PRESCALER = 0x2B
    T_RELOAD_H = 0x2C
    T_RELOAD_L = 0x2D
    TEST_PIN_EN = 0x33
    VERSION = 0x37


class Command(IntEnum):
    """Values of CommandReg.Command (section 10.3)."""

    IDLE = 0x00
    TRANSCEIVE = 0x0C
    MF_AUTHENT = 0x0E
    SOFT_RESET = 0x0F


COMMAND_POWER_DOWN: Final = 0x10
"""CommandReg: set while the chip starts (section 8.6)."""


class Irq:
    """ComIrqReg (9.3.1.5). Bit 7 is write-only and reads 0: a 1 there is a dead wire.

    Plain numbers: they are looked at some hundred times a card, and a Flag makes an object each time.
    """

    TIMER: Final = 0x01
    ERROR: Final = 0x02
    IDLE: Final = 0x10
    RX: Final = 0x20
    TX: Final = 0x40
    ALL: Final = 0x7F


class Err:
    """ErrorReg (9.3.1.7)."""

    PROTOCOL: Final = 0x01
    PARITY: Final = 0x02
    CRC: Final = 0x04
    COLLISION: Final = 0x08
    BUFFER_OVERFLOW: Final = 0x10
    TEMPERATURE: Final = 0x40
    WRITE: Final = 0x80


FIFO_FLUSH: Final = 0x80
"""FIFOLevelReg.FlushBuffer."""
FIFO_SIZE: Final = 64
START_SEND: Final = 0x80
"""BitFramingReg.StartSend."""
MF_CRYPTO1_ON: Final = 0x08
"""Status2Reg: set by a successful MFAuthent only, cleared by software only."""
ANTENNA_ON: Final = 0x83
"""TxControlReg: its reset value 80 with Tx1RFEn and Tx2RFEn."""
ANTENNA_OFF: Final = 0x80
COLLISION_POSITION: Final = 0x1F
"""CollReg.CollPos; 0 stands for 32."""
COLLISION_POSITION_INVALID: Final = 0x20
RX_LAST_BITS: Final = 0x07
"""ControlReg: valid bits of the last byte received, 0 for all eight."""
