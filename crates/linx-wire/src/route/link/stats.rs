//! Statistics of a link (`struct rtnl_link_stats`, `struct rtnl_link_stats64`, <linux/if_link.h>): all volatile.

use zerocopy::native_endian::{U16, U64};

use super::raw::{counters, structures};

counters! {
    /// `struct rtnl_link_stats64`: counters since the device was made. Packets and bytes as the driver counts them.
    pub struct Stats64: u64 {
        /// Packets received.
        pub rx_packets,
        /// Packets sent.
        pub tx_packets,
        /// Bytes received.
        pub rx_bytes,
        /// Bytes sent.
        pub tx_bytes,
        /// Bad packets received.
        pub rx_errors,
        /// Packets that could not be sent.
        pub tx_errors,
        /// Packets received and dropped for lack of room or of a taker.
        pub rx_dropped,
        /// Packets dropped on their way out.
        pub tx_dropped,
        /// Multicast packets received.
        pub multicast,
        /// Collisions.
        pub collisions,
        /// Received with a bad length.
        pub rx_length_errors,
        /// Receiver ring overflow.
        pub rx_over_errors,
        /// Received with a bad checksum.
        pub rx_crc_errors,
        /// Received with a bad alignment.
        pub rx_frame_errors,
        /// Receiver FIFO overrun.
        pub rx_fifo_errors,
        /// Missed by the receiver.
        pub rx_missed_errors,
        /// Aborted while sending.
        pub tx_aborted_errors,
        /// Carrier lost while sending.
        pub tx_carrier_errors,
        /// FIFO underrun while sending.
        pub tx_fifo_errors,
        /// Heartbeat errors.
        pub tx_heartbeat_errors,
        /// Late collisions.
        pub tx_window_errors,
        /// Compressed packets received.
        pub rx_compressed,
        /// Compressed packets sent.
        pub tx_compressed,
        /// Dropped because no protocol takes them.
        pub rx_nohandler,
        /// Dropped because they were for another host (Linux 5.19).
        pub rx_otherhost_dropped,
    }

    /// `struct rtnl_link_stats`: the same, modulo 2³².
    pub struct Stats: u32 {
        /// Packets received.
        pub rx_packets,
        /// Packets sent.
        pub tx_packets,
        /// Bytes received.
        pub rx_bytes,
        /// Bytes sent.
        pub tx_bytes,
        /// Bad packets received.
        pub rx_errors,
        /// Packets that could not be sent.
        pub tx_errors,
        /// Packets received and dropped for lack of room or of a taker.
        pub rx_dropped,
        /// Packets dropped on their way out.
        pub tx_dropped,
        /// Multicast packets received.
        pub multicast,
        /// Collisions.
        pub collisions,
        /// Received with a bad length.
        pub rx_length_errors,
        /// Receiver ring overflow.
        pub rx_over_errors,
        /// Received with a bad checksum.
        pub rx_crc_errors,
        /// Received with a bad alignment.
        pub rx_frame_errors,
        /// Receiver FIFO overrun.
        pub rx_fifo_errors,
        /// Missed by the receiver.
        pub rx_missed_errors,
        /// Aborted while sending.
        pub tx_aborted_errors,
        /// Carrier lost while sending.
        pub tx_carrier_errors,
        /// FIFO underrun while sending.
        pub tx_fifo_errors,
        /// Heartbeat errors.
        pub tx_heartbeat_errors,
        /// Late collisions.
        pub tx_window_errors,
        /// Compressed packets received.
        pub rx_compressed,
        /// Compressed packets sent.
        pub tx_compressed,
        /// Dropped because no protocol takes them.
        pub rx_nohandler,
    }
}

structures! {
    /// `struct rtnl_link_ifmap`: the hardware's place in the machine.
    pub struct IfMap {
        /// Start of the shared memory.
        pub mem_start: U64,
        /// Its end.
        pub mem_end: U64,
        /// I/O address.
        pub base_addr: U64,
        /// Interrupt.
        pub irq: U16,
        /// DMA channel.
        pub dma: u8,
        /// Port, such as `IF_PORT_10BASET`.
        pub port: u8,
    }
}
