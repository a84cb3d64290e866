//! CAN controllers: `IFLA_CAN_*` (<linux/can/netlink.h>).

use zerocopy::native_endian::{U16, U32};

use super::raw::structures;
use crate::policy::attributes;

structures! {
    /// `struct can_bittiming`
    pub struct BitTiming {
        /// Bit/s.
        pub bitrate: U32,
        /// 1/1000 of a bit.
        pub sample_point: U32,
        /// Time quantum, ns.
        pub tq: U32,
        /// Propagation segment, time quanta.
        pub prop_seg: U32,
        /// Phase segment 1, time quanta.
        pub phase_seg1: U32,
        /// Phase segment 2, time quanta.
        pub phase_seg2: U32,
        /// Synchronisation jump width, time quanta.
        pub sjw: U32,
        /// Prescaler.
        pub brp: U32,
    }
    /// `struct can_bittiming_const`
    pub struct BitTimingConst {
        /// Name of the controller.
        pub name: [u8; 16],
        /// Least propagation and phase segment 1.
        pub tseg1_min: U32,
        /// The largest.
        pub tseg1_max: U32,
        /// Least phase segment 2.
        pub tseg2_min: U32,
        /// The largest.
        pub tseg2_max: U32,
        /// Largest synchronisation jump width.
        pub sjw_max: U32,
        /// Least prescaler.
        pub brp_min: U32,
        /// The largest.
        pub brp_max: U32,
        /// Step of the prescaler.
        pub brp_inc: U32,
    }
    /// `struct can_ctrlmode`
    pub struct CtrlMode {
        /// Bits that can be set.
        pub mask: U32,
        /// `CAN_CTRLMODE_*`
        pub flags: U32,
    }
    /// `struct can_berr_counter`
    pub struct ErrorCounter {
        /// Errors while sending.
        pub tx: U16,
        /// Errors while receiving.
        pub rx: U16,
    }
    /// `struct can_device_stats`: `IFLA_INFO_XSTATS` of a CAN controller
    pub struct CanStats {
        /// Bus errors.
        pub bus_error: U32,
        /// Times in the state error-warning.
        pub error_warning: U32,
        /// Times in the state error-passive.
        pub error_passive: U32,
        /// Times in the state bus-off.
        pub bus_off: U32,
        /// Arbitrations lost.
        pub arbitration_lost: U32,
        /// Restarts.
        pub restarts: U32,
    }
}

attributes! {
    /// `IFLA_CAN_*`
    pub CAN "IFLA_CAN" as CanData {
        bittiming = 1 BITTIMING: structure(BitTiming), Tracked;
        bittiming_const = 2 BITTIMING_CONST: structure(BitTimingConst), Tracked;
        /// Hz
        clock = 3 CLOCK: u32, Tracked;
        /// `CAN_STATE_*`: 0 error-active, 1 error-warning, 2 error-passive, 3 bus-off, 4 stopped, 5 sleeping
        state = 4 STATE: u32, Audited;
        ctrlmode = 5 CTRLMODE: structure(CtrlMode), Tracked;
        /// Milliseconds.
        restart_ms = 6 RESTART_MS: u32, Tracked;
        /// Only in requests.
        restart = 7 RESTART: flag, Volatile;
        berr_counter = 8 BERR_COUNTER: structure(ErrorCounter), Volatile;
        data_bittiming = 9 DATA_BITTIMING: structure(BitTiming), Tracked;
        data_bittiming_const = 10 DATA_BITTIMING_CONST: structure(BitTimingConst), Tracked;
        /// Ohm; 0 is none
        termination = 11 TERMINATION: u16, Tracked;
        termination_const = 12 TERMINATION_CONST: structures(U16), Tracked;
        bitrate_const = 13 BITRATE_CONST: structures(U32), Tracked;
        data_bitrate_const = 14 DATA_BITRATE_CONST: structures(U32), Tracked;
        bitrate_max = 15 BITRATE_MAX: u32, Tracked;
        tdc = 16 TDC: nested(CAN_TDC, CanTdc), Tracked;
        ctrlmode_ext = 17 CTRLMODE_EXT: nested(CAN_CTRLMODE, CanCtrlModeExt), Tracked;
    }
}

attributes! {
    /// `IFLA_CAN_TDC_*`: compensation of the transmitter's delay
    pub CAN_TDC "IFLA_CAN_TDC" as CanTdc {
        tdcv_min = 1 TDCV_MIN: u32, Tracked;
        tdcv_max = 2 TDCV_MAX: u32, Tracked;
        tdco_min = 3 TDCO_MIN: u32, Tracked;
        tdco_max = 4 TDCO_MAX: u32, Tracked;
        tdcf_min = 5 TDCF_MIN: u32, Tracked;
        tdcf_max = 6 TDCF_MAX: u32, Tracked;
        /// Measured by some controllers.
        tdcv = 7 TDCV: u32, Audited;
        tdco = 8 TDCO: u32, Tracked;
        tdcf = 9 TDCF: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_CAN_CTRLMODE_*`
    pub CAN_CTRLMODE "IFLA_CAN_CTRLMODE" as CanCtrlModeExt {
        supported = 1 SUPPORTED: u32, Tracked;
    }
}

attributes! {
    /// `VXCAN_INFO_*`: only in requests
    pub VXCAN "VXCAN_INFO" as VxcanData {
        /// `struct ifinfomsg` and attributes of the peer.
        peer = 1 PEER: bytes, Tracked;
    }
}
