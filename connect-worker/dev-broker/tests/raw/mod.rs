//! The program as a child process, and a client that sends one request and reads one answer.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        CreateTopicsRequest, FetchRequest, GroupId, OffsetCommitRequest, OffsetFetchRequest, ProduceRequest,
        RequestHeader, ResponseHeader, TopicName,
        create_topics_request::CreatableTopic,
        fetch_request::{FetchPartition, FetchTopic},
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch_request::OffsetFetchRequestGroup,
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
    records::{
        Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
    },
};

/// The program as a child; killed when dropped.
pub(super) struct Server {
    pub(super) child: Child,
    address: String,
}

impl Server {
    pub(super) fn start(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dev-broker"));
        command.arg("--data").arg(data).args(["--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect(&line).to_owned();
        Self { child, address }
    }

    pub(super) fn client(&self) -> Client {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream }
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(super) struct Client {
    stream: TcpStream,
}

impl Client {
    /// Returns the answer, or `None` when the broker is gone.
    pub(super) fn call<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        let header = RequestHeader::default().with_request_api_key(R::KEY).with_request_api_version(version);
        let mut bytes = BytesMut::new();
        bytes.put_i32(0);
        header.encode(&mut bytes, R::header_version(version)).unwrap();
        request.encode(&mut bytes, version).unwrap();
        let length = (bytes.len() - 4) as i32;
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&bytes).ok()?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut bytes = vec![0; i32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut bytes).ok()?;
        let mut bytes = Bytes::from(bytes);
        ResponseHeader::decode(&mut bytes, R::Response::header_version(version)).unwrap();
        Some(R::Response::decode(&mut bytes, version).unwrap())
    }

    pub(super) fn create_topic(&mut self) {
        let topic =
            CreatableTopic::default().with_name(topic()).with_num_partitions(1).with_replication_factor(1);
        let created = self.call(7, &CreateTopicsRequest::default().with_topics(vec![topic])).unwrap();
        assert_eq!(created.topics[0].error_code, 0);
    }

    /// Produces one record and returns its offset.
    pub(super) fn produce(&mut self, number: usize, producer_id: i64) -> Option<i64> {
        let data =
            PartitionProduceData::default().with_index(0).with_records(Some(batch(number, producer_id)));
        let topic = TopicProduceData::default().with_name(topic()).with_partition_data(vec![data]);
        let request =
            ProduceRequest::default().with_acks(-1).with_timeout_ms(1000).with_topic_data(vec![topic]);
        let response = self.call(9, &request)?;
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, 0);
        Some(partition.base_offset)
    }

    pub(super) fn commit(&mut self, offset: i64) -> Option<()> {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
        let topic = OffsetCommitRequestTopic::default().with_name(topic()).with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group())
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        let response = self.call(8, &request)?;
        assert_eq!(response.topics[0].partitions[0].error_code, 0);
        Some(())
    }

    pub(super) fn committed(&mut self) -> i64 {
        let groups = vec![OffsetFetchRequestGroup::default().with_group_id(group()).with_topics(None)];
        let fetched = self.call(8, &OffsetFetchRequest::default().with_groups(groups)).unwrap();
        fetched.groups[0].topics[0].partitions[0].committed_offset
    }

    /// Returns the value of every record, in order.
    pub(super) fn values(&mut self) -> Vec<String> {
        let mut values = Vec::new();
        loop {
            let partition = FetchPartition::default()
                .with_fetch_offset(values.len() as i64)
                .with_partition_max_bytes(1 << 20);
            let topic = FetchTopic::default().with_topic(topic()).with_partitions(vec![partition]);
            let request = FetchRequest::default().with_max_bytes(1 << 20).with_topics(vec![topic]);
            let response = self.call(11, &request).unwrap();
            let partition = &response.responses[0].partitions[0];
            assert_eq!(partition.error_code, 0);
            let mut records = partition.records.clone().unwrap();
            if records.is_empty() {
                return values;
            }
            for record in
                RecordBatchDecoder::decode_all(&mut records).unwrap().into_iter().flat_map(|set| set.records)
            {
                assert_eq!(record.offset, values.len() as i64);
                values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
            }
        }
    }
}

fn topic() -> TopicName {
    TopicName(StrBytes::from_static_str("t"))
}

fn group() -> GroupId {
    GroupId(StrBytes::from_static_str("g"))
}

fn batch(number: usize, producer_id: i64) -> Bytes {
    let record = Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id,
        producer_epoch: 0,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: number as i32,
        timestamp: 0,
        key: None,
        value: Some(number.to_string().into()),
        headers: Default::default(),
    };
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, [&record], &options).unwrap();
    bytes.freeze()
}
